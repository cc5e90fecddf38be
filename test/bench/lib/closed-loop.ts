import { Times } from './figures.ts';

// Taken when this module loads, before the determinism guard puts itself in front of it.
const now = performance.now.bind(performance);

/** A system under a closed loop: takes one signal for the entity `key` and calls `done` once it is durable, never from inside. */
export interface Sink {
  submit(key: number, bytes: Buffer, slot: number): void;
  /** Set by the loop. */
  done: (slot: number) => void;
}

export interface Load {
  readonly keys: number;
  readonly inFlight: number;
  readonly seconds: number;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the whole process, all its threads. */
  readonly cpuUsPerSignal: number;
}

/**
 * Keeps `inFlight` signals under way for a time: each answer sends the next signal. Keys are taken in a scattered order that visits all of them.
 * The first fifth of the time is not measured.
 */
export function closedLoop(sink: Sink, payloads: readonly Buffer[], load: Load): Promise<Measured> {
  const times = new Times();
  const began = new Float64Array(load.inFlight);
  const step = strideOf(load.keys);
  let next = 0;
  let key = 0;
  let underWay = 0;
  const warmUntil = now() + load.seconds * 200;
  const until = warmUntil + load.seconds * 1_000;
  let measuredFrom = 0;
  let cpu = process.cpuUsage();
  return new Promise((resolve) => {
    const send = (slot: number, at: number) => {
      began[slot] = at;
      underWay += 1;
      key = (key + step) % load.keys;
      next = next + 1 === payloads.length ? 0 : next + 1;
      sink.submit(key, payloads[next] ?? payloads[0] ?? Buffer.alloc(0), slot);
    };
    sink.done = (slot) => {
      const at = now();
      underWay -= 1;
      if (measuredFrom === 0 && at >= warmUntil) {
        measuredFrom = at;
        cpu = process.cpuUsage();
        times.clear();
      }
      if (at < until) {
        times.add(at - (began[slot] ?? at));
        send(slot, at);
      } else if (underWay === 0) {
        const used = process.cpuUsage(cpu);
        const [p50Ms = 0, p99Ms = 0] = times.percentiles(0.5, 0.99);
        resolve({
          perSecond: (times.count * 1_000) / (until - measuredFrom),
          p50Ms,
          p99Ms,
          cpuUsPerSignal: (used.user + used.system) / times.count,
        });
      }
    };
    for (let slot = 0; slot < load.inFlight; slot += 1) send(slot, now());
  });
}

/** Sends one signal to every key, at most `inFlight` at once: entities exist and are in memory (as far as they fit). */
export function touchAll(sink: Sink, payloads: readonly Buffer[], keys: number, inFlight: number): Promise<void> {
  const [bytes = Buffer.alloc(0)] = payloads;
  let sent = 0;
  let answered = 0;
  return new Promise((resolve) => {
    sink.done = (slot) => {
      answered += 1;
      if (sent < keys) sink.submit(sent++, bytes, slot);
      else if (answered === keys) resolve();
    };
    for (let slot = 0; slot < Math.min(inFlight, keys); slot += 1) sink.submit(sent++, bytes, slot);
  });
}

/** A step that is coprime to the number of keys and scatters them. */
function strideOf(keys: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let step = Math.max(1, Math.floor(keys * 0.618));
  while (gcd(step, keys) !== 1) step += 1;
  return step;
}
