/**
 * Durations of requests by route and status, counted in plain arrays: a request costs a few additions, and the text of the metrics page is made
 * when someone asks for it.
 */
const BOUNDS_MS = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000] as const;

interface Counts {
  readonly buckets: Float64Array;
  count: number;
  sumMs: number;
}

/** The times of one route. `route` is a pattern, never a path, so the number of series is bounded. */
export class RouteTimes {
  readonly method: string;
  readonly route: string;
  readonly #byStatus = new Map<number, Counts>();

  constructor(method: string, route: string) {
    this.method = method;
    this.route = route;
  }

  observe(status: number, durationMs: number): void {
    let counts = this.#byStatus.get(status);
    if (counts === undefined) {
      counts = { buckets: new Float64Array(BOUNDS_MS.length), count: 0, sumMs: 0 };
      this.#byStatus.set(status, counts);
    }
    counts.count += 1;
    counts.sumMs += durationMs;
    for (let n = 0; n < BOUNDS_MS.length; n += 1) {
      if (durationMs <= (BOUNDS_MS[n] ?? 0)) {
        counts.buckets[n] = (counts.buckets[n] ?? 0) + 1;
        break;
      }
    }
  }

  /** Lines of the Prometheus text format, without HELP and TYPE. */
  lines(name: string): string[] {
    const lines: string[] = [];
    for (const [status, counts] of this.#byStatus) {
      const labels = `method="${this.method}",route="${this.route}",status="${status}"`;
      let cumulated = 0;
      for (const [n, bound] of BOUNDS_MS.entries()) {
        cumulated += counts.buckets[n] ?? 0;
        lines.push(`${name}_bucket{${labels},le="${bound / 1_000}"} ${cumulated}`);
      }
      lines.push(`${name}_bucket{${labels},le="+Inf"} ${counts.count}`);
      lines.push(`${name}_sum{${labels}} ${counts.sumMs / 1_000}`, `${name}_count{${labels}} ${counts.count}`);
    }
    return lines;
  }
}
