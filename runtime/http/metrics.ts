import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Edge } from './edge.ts';
import type { RouteTimes } from './route-times.ts';

/** The page of `/metrics`: process metrics by prom-client, the rest from numbers that others already count, so that nothing is counted twice. */
export class MetricsPage {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #edge: Edge;
  readonly #times: readonly RouteTimes[];

  constructor(edge: Edge, times: readonly RouteTimes[]) {
    this.#edge = edge;
    this.#times = times;
    this.contentType = this.#registry.contentType;
    collectDefaultMetrics({ register: this.#registry });
  }

  async text(): Promise<string> {
    const { counters, gauges } = this.#edge.host.metrics();
    return [
      (await this.#registry.metrics()).trimEnd(),
      ...series(counters, 'counter'),
      ...series(gauges, 'gauge'),
      ...this.#projections(),
      ...this.#requests(),
      '',
    ].join('\n');
  }

  #requests(): string[] {
    const name = 'perdure_http_request_duration_seconds';
    return [
      `# HELP ${name} Time from a request's headers to its answer.`,
      `# TYPE ${name} histogram`,
      ...this.#times.flatMap((t) => t.lines(name)),
    ];
  }

  #projections(): string[] {
    const behind = 'perdure_projection_behind_bytes';
    const state = 'perdure_projection_state';
    const lines = [`# HELP ${behind} Bytes of the log that a projection has yet to read.`, `# TYPE ${behind} gauge`];
    const all = this.#edge.reader.status();
    for (const p of all) lines.push(`${behind}{projection="${p.name}",version="${p.version}"} ${p.behind}`);
    lines.push(`# HELP ${state} 1 for the state that a projection is in.`, `# TYPE ${state} gauge`);
    for (const p of all) {
      for (const known of ['building', 'live', 'failed']) {
        lines.push(`${state}{projection="${p.name}",version="${p.version}",state="${known}"} ${p.state === known ? 1 : 0}`);
      }
    }
    return lines;
  }
}

/** Series of one kind. A key is `name` or `name{label="value"}`; those of one name stand together, as the format asks. */
function series(values: Readonly<Record<string, number>>, kind: 'counter' | 'gauge'): string[] {
  const byName = new Map<string, string[]>();
  for (const [key, value] of Object.entries(values)) {
    const brace = key.indexOf('{');
    const name = `perdure_${snake(brace === -1 ? key : key.slice(0, brace))}${kind === 'counter' ? '_total' : ''}`;
    const lines = byName.get(name) ?? [`# TYPE ${name} ${kind}`];
    lines.push(`${name}${brace === -1 ? '' : key.slice(brace)} ${value}`);
    byName.set(name, lines);
  }
  return [...byName.values()].flat();
}

/** `gaveUp` -> `gave_up`. */
function snake(name: string): string {
  const plain = name.startsWith('perdure_') ? name.slice('perdure_'.length) : name;
  return plain
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_');
}
