import type { HostLimits } from '../../host/context.ts';
import type { Dice } from './dice.ts';

/** What goes wrong, and how often: probabilities per call (0 to 1) or mean times between (0: never). All of a simulation's faults stop at once. */
export interface Faults {
  /** Longest delay of any answer of a store, in milliseconds; each call draws its own. */
  readonly maxDelayMs: number;
  /** An append is written, but its outcome is told as unknown. */
  readonly lostAnswer: number;
  /** An append is told as unknown before it is written: it is written later, or never. */
  readonly lostRequest: number;
  /** A call of the event store other than an append fails. */
  readonly readError: number;
  /** A saved snapshot is lost: the one before stays. */
  readonly lostSnapshot: number;
  /** A call of the read store fails; a write may have taken effect. */
  readonly rowsError: number;
  /** A client sends its request a second time while the first is under way, or after it was answered. */
  readonly duplicate: number;
  /** A client takes an update back. */
  readonly withdraw: number;
  /** Mean time between crashes of a node, ms. */
  readonly crashEveryMs: number;
  /** Mean time between orderly stops of a node, ms. */
  readonly stopEveryMs: number;
  /** Mean time between periods in which every append is refused (store-full), ms. */
  readonly fullEveryMs: number;
  /** Mean time between jumps of a node's clock, ms, and the largest jump. */
  readonly jumpEveryMs: number;
  readonly maxJumpMs: number;
  /** Mean time between verbs of an operator, ms. */
  readonly operatorEveryMs: number;
}

export const NO_FAULTS: Faults = {
  maxDelayMs: 0,
  lostAnswer: 0,
  lostRequest: 0,
  readError: 0,
  lostSnapshot: 0,
  rowsError: 0,
  duplicate: 0,
  withdraw: 0,
  crashEveryMs: 0,
  stopEveryMs: 0,
  fullEveryMs: 0,
  jumpEveryMs: 0,
  maxJumpMs: 0,
  operatorEveryMs: 0,
};

/** Counts what was done to a run, by the name of the fault. */
export class FaultLog {
  readonly counts = new Map<string, number>();

  add(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Limits of a host that put pressure on what is usually never reached: tiny batches, caches and queues, passivation after every turn. */
export function drawLimits(dice: Dice): Partial<HostLimits> {
  return {
    ...(dice.chance(0.5) ? { maxTurnMessages: dice.int(1, 4) } : {}),
    ...(dice.chance(0.3) ? { maxTickMessages: dice.int(1, 4) } : {}),
    ...(dice.chance(0.5) ? { passivateAfterMs: dice.pick([0, 0, 1, 1_500, 4_000]) } : {}),
    ...(dice.chance(0.4) ? { maxEntitiesInMemory: dice.int(1, 4) } : {}),
    ...(dice.chance(0.3) ? { maxEntityBytesInMemory: dice.int(600, 4_000) } : {}),
    ...(dice.chance(0.3) ? { maxRehydrations: 1 } : {}),
    ...(dice.chance(0.2) ? { maxQueuedMessages: dice.int(3, 10) } : {}),
    ...(dice.chance(0.2) ? { maxMailboxMessages: dice.int(1, 4) } : {}),
    ...(dice.chance(0.3) ? { maxTurnBytes: dice.int(800, 3_000) } : {}),
    ...(dice.chance(0.5) ? { unknownGiveUpMs: dice.pick([100, 1_000, 5_000]) } : {}),
    snapshotEvery: dice.pick([1, 2, 5, 20, 200]),
  };
}
