import { Times } from './figures.ts';
import { serveAsPeer } from './peer.ts';
import { RawConnection, requestBytes } from './raw-client.ts';

/** The load generator: a process of its own that drives any HTTP server in a closed loop, one request per connection at a time. */
export interface HttpLoad {
  readonly port: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly method: 'GET' | 'POST';
  /** `{key}` is replaced by a number below `keys`. */
  readonly path: string;
  readonly keys: number;
  /** `{key}` as in `path`. */
  readonly body?: string;
  readonly contentType?: string;
}

export interface HttpMeasured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the generator, microseconds per request. */
  readonly clientCpuUs: number;
  /** Share of one core that the generator took. Near 1 it is the bottleneck. */
  readonly clientCpuShare: number;
}

function requestsOf({ method, path, keys, body, contentType = 'application/json' }: HttpLoad): Buffer[] {
  return Array.from({ length: keys }, (_, key) => {
    const filled = (text: string) => text.replaceAll('{key}', String(key));
    return requestBytes(
      method,
      filled(path),
      body === undefined ? undefined : Buffer.from(filled(body)),
      body === undefined ? {} : { 'content-type': contentType },
    );
  });
}

async function run(load: HttpLoad): Promise<HttpMeasured> {
  const requests = requestsOf(load);
  const connections = await Promise.all(Array.from({ length: load.inFlight }, () => RawConnection.open(load.port)));
  const times = new Times();
  const warmUntil = performance.now() + load.seconds * 300;
  const until = warmUntil + load.seconds * 1_000;
  let measuredFrom = 0;
  let cpu = process.cpuUsage();
  let underWay = 0;
  let next = 0;
  const step = 7_919 % load.keys === 0 ? 1 : 7_919;
  try {
    await new Promise<void>((resolve, reject) => {
      for (const connection of connections) {
        let began = 0;
        const send = (at: number) => {
          began = at;
          underWay += 1;
          next = (next + step) % load.keys;
          connection.send(requests[next] ?? Buffer.alloc(0));
        };
        connection.broken = reject;
        connection.answered = (status, body) => {
          if (status >= 300) reject(new Error(`${load.method} ${load.path} answered ${status}: ${body.toString('utf8').slice(0, 500)}`));
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
          } else if (underWay === 0) resolve();
        };
        send(performance.now());
      }
    });
  } finally {
    for (const connection of connections) connection.close();
  }
  const elapsedMs = until - measuredFrom;
  const used = process.cpuUsage(cpu);
  const [p50Ms = 0, p99Ms = 0] = times.percentiles(0.5, 0.99);
  return {
    perSecond: (times.count * 1_000) / elapsedMs,
    p50Ms,
    p99Ms,
    clientCpuUs: (used.user + used.system) / times.count,
    clientCpuShare: (used.user + used.system) / 1_000 / elapsedMs,
  };
}

serveAsPeer<HttpLoad>(run, async () => undefined);
