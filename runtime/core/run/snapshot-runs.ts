import { Packr, Unpackr } from 'msgpackr';
import { LIMITS } from '../limits.ts';
import type { OpenCall, OpenRun, RunInput } from './open-run.ts';
import type { Runs } from './runs.ts';

/**
 * Open runs as bytes, one each, for snapshots.
 *
 * Invariants:
 * Q1. A run that is decoded goes on as the one that was encoded.
 * Q2. States that inputs share are written once: msgpack with references.
 * Q3. A run with too many inputs, or whose inputs are too large, is written without them (cold): they are read from the stream again.
 */
interface RunShape {
  readonly run: Omit<OpenRun, 'inputs' | 'calls' | 'versions' | 'cold'> & { readonly cold: OpenRun['cold'] | null };
  readonly calls: readonly OpenCall[];
  readonly versions: readonly (readonly [string, number])[];
  /** Commands without their data. */
  readonly inputs: readonly RunInput[];
}

const packr = new Packr({ useRecords: false, structuredClone: true });
const unpackr = new Unpackr({ useRecords: false, structuredClone: true });

/** One open run as bytes. */
export function encodeRun(run: OpenRun): Uint8Array {
  if (run.inputs.length <= LIMITS.maxWarmInputs) {
    const warm = packed(run, false);
    if (warm.byteLength <= LIMITS.maxWarmBytes) return warm;
  }
  return packed(run, true);
}

function packed({ inputs, calls, versions, ...run }: OpenRun, isCold: boolean): Uint8Array {
  const bare = isCold ? [] : inputs.map((input) => ({ ...input, commands: input.commands.map(({ what }) => ({ what })) }));
  const cold = isCold ? { startState: inputs[0]?.state } : null;
  const shape: RunShape = { run: { ...run, cold }, calls: [...calls.values()], versions: [...versions], inputs: bare };
  return Uint8Array.from(packr.pack(shape));
}

/** Puts a run back that a snapshot held. If it is cold, its inputs are still to be read from the stream. */
export function restoreRun(runs: Runs, bytes: Uint8Array): void {
  const { run: rest, calls, versions, inputs } = unpackr.unpack(bytes) as RunShape;
  const own = { inputs: [...inputs], calls: new Map(), versions: new Map(versions), untils: 0 };
  const run: OpenRun = { ...rest, ...own, stalled: rest.stalled ?? undefined, cold: rest.cold ?? undefined };
  runs.add(
    run,
    calls.map((call) => ({ ...call, lastFailure: call.lastFailure ?? undefined })),
  );
}
