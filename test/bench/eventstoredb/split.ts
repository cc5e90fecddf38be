import { Session } from 'node:inspector/promises';

/** Where the time of the main thread went, in milliseconds, and the CPU time of the whole process beside it. */
export interface Split {
  readonly stages: Readonly<Record<Stage, number>>;
  /** Of all threads: garbage collection and compilation beside the main thread too. */
  readonly cpuMs: number;
}

export const STAGES = ['encoding', 'protobuf', 'grpc', 'client', 'adapter', 'subscriptions', 'host', 'loop', 'gc', 'other'] as const;
export type Stage = (typeof STAGES)[number];

interface Frame {
  readonly functionName: string;
  readonly url: string;
}

/**
 * By the file of a function. What has no file of its own (natives, buffers, streams) belongs to whoever called it, so the first match from the inside
 * counts. What is done for subscriptions passes through the same libraries as appends: it is told by what stands anywhere above.
 */
const SUBSCRIBING: readonly RegExp[] = [
  /eventstoredb\/(live-feed|follow|recorded-event|subscription|turns|reads)\.js$/,
  /shared\/tail\.js$/,
  /\/projection\//,
  /host\/(agenda|outbox)/,
];
const READING = /\bReadResp\b|convertGrpcEvent|ReadStream|ReadAll|Subscri/;
const OF_FILE: readonly (readonly [RegExp, Stage])[] = [
  [/eventstoredb\/record-codec\.js$|\/msgpackr\//, 'encoding'],
  [/\/google-protobuf\/|\/db-client\/generated\//, 'protobuf'],
  [/\/@grpc\/grpc-js\/|^node:(internal\/)?(http2|net|tls|stream_base)/, 'grpc'],
  [/\/db-client\//, 'client'],
  [/\/runtime\/adapters\/eventstoredb\//, 'adapter'],
  [/\/runtime\//, 'host'],
  [/\/test\/bench\//, 'loop'],
];

/** The stage of a sample: its frames from the inside out. */
export function stageOf(frames: readonly Frame[]): Stage | undefined {
  const [inner] = frames;
  if (inner === undefined || inner.functionName === '(idle)' || inner.functionName === '(root)') return undefined;
  if (inner.functionName === '(garbage collector)') return 'gc';
  const isRead = frames.some(({ url, functionName }) => SUBSCRIBING.some((file) => file.test(url)) || READING.test(functionName));
  if (isRead) return 'subscriptions';
  for (const { url } of frames) for (const [file, stage] of OF_FILE) if (file.test(url)) return stage;
  return 'other';
}

/** Runs something under the profiler of V8. */
export async function profiled(work: () => Promise<unknown>): Promise<Split> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const stackOf = (id: number): Frame[] => {
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame !== undefined) stack.push(frame);
    }
    return stack;
  };
  const stageOfNode = new Map(profile.nodes.map(({ id }) => [id, stageOf(stackOf(id))]));
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const stage = stageOfNode.get(id);
    if (stage !== undefined) stages[stage] += (profile.timeDeltas?.[index] ?? 0) / 1_000;
  }
  return { stages, cpuMs: (user + system) / 1_000 };
}
