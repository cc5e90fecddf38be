import { Times } from '../lib/figures.ts';
import type { HttpMeasured } from '../lib/load-generator.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { RawConnection, requestBytes } from '../lib/raw-client.ts';
import { openCollector } from './collector.ts';
import { type Completion, Completions } from './completions.ts';

/**
 * The load generator of flows, a process of its own: keeps `inFlight` runs under way, each from the request that starts it to the response that
 * carries its result, and completes their callbacks meanwhile. The first third of the time is not measured.
 */
export interface FlowLoad {
  readonly port: number;
  readonly inFlight: number;
  readonly seconds: number;
  /** `{key}` is replaced by the number of the run, below `keys` if that is given. */
  readonly path: string;
  readonly keys?: number;
  /** The token is handed out before the sleep, not behind it. */
  readonly early: boolean;
  readonly completion: Completion;
}

/** What every run must return: the outcome of its callback. */
const EXPECTED = '"answer":42';
/** Counts on over the loads of a process, so that a key is new unless `keys` bounds it. */
let runs = 0;

async function measure(load: FlowLoad): Promise<HttpMeasured> {
  const completions = await Completions.open(load.port, load.inFlight, load.completion);
  const collector = await openCollector((token) => completions.complete(token));
  const connections = await Promise.all(Array.from({ length: load.inFlight }, () => RawConnection.open(load.port)));
  const body = Buffer.from(JSON.stringify({ collector: collector.port, early: load.early }));
  const next = () => {
    runs += 1;
    const key = load.keys === undefined ? runs : (runs * 7_919) % load.keys;
    return requestBytes('POST', load.path.replace('{key}', String(key)), body, { 'content-type': 'application/json' });
  };
  try {
    return await new Promise((resolve, reject) => {
      completions.failed = reject;
      closedLoop(connections, next, load.seconds, resolve, reject);
    });
  } finally {
    for (const connection of connections) connection.close();
    completions.close();
    collector.close();
  }
}

function closedLoop(
  connections: readonly RawConnection[],
  next: () => Buffer,
  seconds: number,
  measured: (figures: HttpMeasured) => void,
  failed: (error: Error) => void,
): void {
  const times = new Times();
  const warmUntil = performance.now() + seconds * 500;
  const until = warmUntil + seconds * 1_000;
  let measuredFrom = 0;
  let cpu = process.cpuUsage();
  let underWay = 0;
  for (const connection of connections) {
    let began = 0;
    const send = (at: number) => {
      began = at;
      underWay += 1;
      connection.send(next());
    };
    connection.broken = failed;
    connection.answered = (status, body) => {
      if (status >= 300 || !body.includes(EXPECTED)) failed(new Error(`a run answered ${status}: ${body.toString('utf8').slice(0, 500)}`));
      const at = performance.now();
      underWay -= 1;
      if (measuredFrom === 0 && at >= warmUntil) {
        measuredFrom = at;
        cpu = process.cpuUsage();
        times.clear();
      }
      if (at < until) {
        times.add(at - began);
        send(at);
      } else if (underWay === 0) measured(figures(times, until - measuredFrom, process.cpuUsage(cpu)));
    };
    send(performance.now());
  }
}

function figures(times: Times, elapsedMs: number, { user, system }: NodeJS.CpuUsage): HttpMeasured {
  const [p50Ms = 0, p99Ms = 0] = times.percentiles(0.5, 0.99);
  return {
    perSecond: (times.count * 1_000) / elapsedMs,
    p50Ms,
    p99Ms,
    clientCpuUs: (user + system) / times.count,
    clientCpuShare: (user + system) / 1_000 / elapsedMs,
  };
}

serveAsPeer<FlowLoad>(measure, async () => undefined);
