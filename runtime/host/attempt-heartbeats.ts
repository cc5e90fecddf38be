import { LIMITS } from '../core/limits.ts';
import { boundedSize } from '../core/plain.ts';

/** Puts progress into the entity's mailbox; `answered` when that is handled or refused. */
export type RecordProgress = (progress: unknown, answered: () => void) => void;

/**
 * The heartbeats of one attempt: when it was last heard of, and what of its progress is recorded.
 *
 * Invariants:
 * H1. Progress is recorded at most once per interval (0.8 of the heartbeat time-out, `progressEveryMs` without one), always the newest, and not before the
 *     record of the one before was answered.
 * H2. What is kept is a copy: user code may go on with the value.
 */
export class AttemptHeartbeats {
  readonly #what: string;
  readonly #timeoutMs: number | undefined;
  readonly #everyMs: number;
  readonly #record: RecordProgress;
  #lastMs: number;
  #recordFromMs = Number.NEGATIVE_INFINITY;
  #isWaiting = false;
  #isOnItsWay = false;
  #newest: unknown;

  /** `timeoutMs`: the policy's heartbeat time-out; `nowMs`: its start counts as the first heartbeat. */
  constructor(activity: string, timeoutMs: number | undefined, nowMs: number, record: RecordProgress) {
    this.#what = `progress of activity ${activity}`;
    this.#timeoutMs = timeoutMs;
    this.#everyMs = timeoutMs === undefined ? LIMITS.progressEveryMs : Math.ceil(timeoutMs * 0.8);
    this.#record = record;
    this.#lastMs = nowMs;
  }

  /** The newest progress, undefined if there is none. */
  get newest(): unknown {
    return this.#newest;
  }

  /** When it will have been silent for too long, milliseconds since 1970; undefined if it may be silent. */
  get silentAtMs(): number | undefined {
    return this.#timeoutMs === undefined ? undefined : this.#lastMs + this.#timeoutMs;
  }

  /** When the progress that waits may be recorded, milliseconds since 1970; undefined if none waits. */
  get recordAtMs(): number | undefined {
    return this.#isWaiting && !this.#isOnItsWay ? this.#recordFromMs : undefined;
  }

  /** The attempt is alive, and this far. Without progress nothing is recorded. Throws `payload-not-plain` and `payload-too-large`. */
  beat(progress: unknown, nowMs: number): void {
    if (progress !== undefined) {
      boundedSize(progress, this.#what, LIMITS.maxActivityBytes);
      this.#newest = structuredClone(progress);
      this.#isWaiting = true;
    }
    this.#lastMs = nowMs;
    this.recordIfDue(nowMs);
  }

  /** Records what waits if its time has come (H1). */
  recordIfDue(nowMs: number): void {
    const at = this.recordAtMs;
    if (at === undefined || at > nowMs) return;
    this.#isWaiting = false;
    this.#isOnItsWay = true;
    this.#recordFromMs = nowMs + this.#everyMs;
    this.#record(this.#newest, () => {
      this.#isOnItsWay = false;
    });
  }
}
