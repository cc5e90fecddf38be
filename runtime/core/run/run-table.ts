import { LIMITS } from '../limits.ts';
import type { RecordMeta } from '../record.ts';
import { ArmedTimers } from '../timers.ts';
import { Attention } from './attention.ts';
import type { OpenCall, OpenRun, QueuedRun } from './open-run.ts';

/**
 * Open and queued runs, what they wait for, and when that is due: kept in step with each other.
 */
export class RunTable {
  readonly open = new Map<string, OpenRun>();
  readonly queued: QueuedRun[] = [];
  /** Sleeps and time-outs: timer = run, key = call. */
  readonly waits = new ArmedTimers();
  /** Attempts that are out or planned; due when they are certainly lost. */
  readonly attempts = new ArmedTimers();
  readonly attention = new Attention();
  #serial: OpenRun | undefined;

  /** Has it nothing to do for any run? */
  get isIdle(): boolean {
    return this.open.size === 0 && this.queued.length === 0;
  }

  /** The open serial run, undefined if there is none. */
  get serial(): OpenRun | undefined {
    return this.#serial;
  }

  /** The open run that a record belongs to. */
  of({ run }: RecordMeta): OpenRun | undefined {
    return run === undefined ? undefined : this.open.get(run);
  }

  /** A run is open from now on, with the calls that a snapshot held of it. */
  add(run: OpenRun, calls: Iterable<OpenCall> = []): void {
    this.open.set(run.id, run);
    if (run.serial) this.#serial = run;
    for (const call of calls) this.addCall(run, call);
    this.attention.heed(run);
  }

  /** A run is over; a queued one waits no longer. The open one of this id, undefined if there was none. */
  remove(id: string): OpenRun | undefined {
    const run = this.open.get(id);
    if (run === undefined) {
      const at = this.queued.findIndex((one) => one.id === id);
      if (at >= 0) this.queued.splice(at, 1);
      return undefined;
    }
    for (const call of run.calls.values()) this.#forget(call);
    this.open.delete(id);
    if (this.#serial === run) this.#serial = undefined;
    run.isOver = true;
    this.attention.heed(run);
    return run;
  }

  addCall(run: OpenRun, call: OpenCall): void {
    run.calls.set(call.what.call, call);
    if (call.what.kind === 'until') run.untils += 1;
    this.watch(call);
  }

  removeCall(run: OpenRun, number: number): void {
    const call = run.calls.get(number);
    if (call === undefined) return;
    if (call.what.kind === 'until') run.untils -= 1;
    run.calls.delete(number);
    this.#forget(call);
  }

  /** Everything ends: the entity is forgotten. */
  clear(): void {
    this.open.clear();
    this.attention.clear();
    this.#serial = undefined;
    this.queued.length = 0;
    this.waits.clear();
    this.attempts.clear();
  }

  /** When a call is due may have changed. */
  watch({ run, what, nextAt, attempts }: OpenCall): void {
    const key = String(what.call);
    if (what.kind === 'activity' || what.kind === 'query') {
      const timeoutMs = (what.kind === 'activity' ? what.policy.timeoutMs : undefined) ?? LIMITS.attemptTimeoutMs;
      this.attempts.apply({ timer: run, key, dueAt: nextAt + timeoutMs, arming: attempts });
    } else if (what.kind !== 'signal' && what.kind !== 'resume' && what.dueAt !== undefined) {
      this.waits.apply({ timer: run, key, dueAt: what.dueAt, arming: what.call });
    }
  }

  #forget({ run, what }: OpenCall): void {
    const slot = { timer: run, key: String(what.call), dueAt: null };
    if (what.kind === 'activity' || what.kind === 'query') this.attempts.apply(slot);
    else this.waits.apply(slot);
  }
}
