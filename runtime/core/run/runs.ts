import type { JournalData, ScheduledCall, SentSignal } from '../journal.ts';
import type { NewRecord, RecordMeta, Revision } from '../record.ts';
import { commandOf } from './commands.ts';
import type { Deferred, OpenCall, OpenRun, Trigger } from './open-run.ts';
import { RunTable } from './run-table.ts';

/** Where a record stands: what the fold of runs needs to know beside it. */
export interface Place {
  readonly revision: Revision;
  readonly timeMs: number;
  readonly turnId: string;
  /** The state after every record before this one. */
  readonly state: unknown;
}

/**
 * The part of bookkeeping that concerns runs: the fold over records that name a run.
 *
 * Invariants:
 * R1. It runs no user code; a state is only ever kept, by reference, beside the trigger that saw it.
 * R2. A run is open from `RunStarted` to `RunCompleted`; records for any other run change nothing.
 * R3. A call is open from its record to `Resolved` (deferred or not), to the `CancelRequested` that closes it, or to the end of its run.
 * R4. The inputs of a run are its triggers in stream order; a resumed segment sees the state at its `RunResumed`.
 */
export class Runs extends RunTable {
  /** Told of every run that ends, with all it was: for those who check replays. */
  onEnded: ((run: OpenRun) => void) | undefined;

  /** A domain event or a send of a run. */
  note(record: NewRecord, { timeMs }: { readonly timeMs: number }): void {
    const run = this.of(record.meta);
    if (run === undefined) return;
    const command = commandOf(record);
    if (command !== undefined) run.inputs.at(-1)?.commands.push(command);
    const sent = record.data as Partial<SentSignal> | null;
    if (sent !== null && record.type === SENT && sent.call !== undefined) {
      this.#began(run, { kind: 'signal', ...(record.data as SentSignal), call: sent.call }, timeMs);
    }
  }

  started({ name, of, serial, input, received, reply, chain }: JournalData['RunStarted'], meta: RecordMeta, at: Place): void {
    const id = meta.run ?? '';
    if (received !== undefined) this.remove(id);
    // Written out: what objects spread into objects cost is most of what a run costs.
    this.add({
      id,
      name,
      of,
      serial: serial === true,
      once: meta.once === true,
      seed: at.turnId,
      startedAtMs: at.timeMs,
      startRevision: at.revision,
      meta: metaOfRun(meta),
      reply,
      chain,
      inputs: [inputOf({ kind: 'started', input }, at)],
      cold: undefined,
      calls: new Map(),
      deferred: [],
      versions: new Map(),
      stalled: undefined,
      cancelAsked: false,
      isOver: false,
      untils: 0,
    });
  }

  received({ name, reply }: JournalData['SignalReceived'], meta: RecordMeta, at: Place): void {
    this.queued.push({ id: meta.run ?? '', name, revision: at.revision, sinceMs: at.timeMs, reply, once: meta.once === true });
  }

  scheduled(what: ScheduledCall, meta: RecordMeta, { timeMs }: Place): void {
    const run = this.of(meta);
    if (run !== undefined) this.#began(run, what, timeMs);
  }

  resolved({ call, outcome, deferred }: JournalData['Resolved'], meta: RecordMeta, at: Place): void {
    this.#triggered(meta, { kind: 'resolved', call, outcome }, deferred, at);
  }

  cancelRequested({ by, why, closes, deferred }: JournalData['CancelRequested'], meta: RecordMeta, at: Place): void {
    const run = this.#triggered(meta, { kind: 'cancelled', by, why, closes }, deferred, at);
    if (run === undefined) return;
    run.cancelAsked = true;
    for (const call of run.calls.values()) if (isStoppable(call.what)) call.cancelling = true;
  }

  attemptFailed(
    { call: number, attempt, code, message, nextAt, incarnation, progress }: JournalData['AttemptFailed'],
    meta: RecordMeta,
  ): void {
    const call = this.of(meta)?.calls.get(number);
    if (call === undefined) return;
    call.attempts = attempt;
    call.nextAt = nextAt;
    call.incarnation = incarnation;
    call.lastFailure = { code, message };
    if (progress !== undefined) call.progress = progress;
    this.watch(call);
  }

  heartbeat({ call: number, progress }: JournalData['HeartbeatRecorded'], meta: RecordMeta): void {
    const call = this.of(meta)?.calls.get(number);
    if (call !== undefined) call.progress = progress;
  }

  stalled(reason: JournalData['RunStalled'], meta: RecordMeta, { timeMs, revision }: Place): void {
    const run = this.of(meta);
    if (run !== undefined) run.stalled = { ...reason, sinceMs: timeMs, at: revision };
  }

  resumed(meta: RecordMeta, at: Place): void {
    const run = this.of(meta);
    if (run?.stalled === undefined) return;
    const { resumes } = run.stalled;
    run.stalled = undefined;
    if (resumes === 'trigger') {
      for (const { what } of run.calls.values()) if (what.kind === 'resume') run.calls.delete(what.call);
      run.inputs.push(inputOf({ kind: 'resumed' }, at));
      return;
    }
    const last = run.inputs.at(-1);
    if (resumes === 'segment' && last !== undefined) run.inputs[run.inputs.length - 1] = inputOf(last.trigger, at);
  }

  versionMarked({ change }: JournalData['VersionMarked'], meta: RecordMeta): void {
    const run = this.of(meta);
    if (run !== undefined && !run.versions.has(change)) run.versions.set(change, run.inputs.length - 1);
  }

  completed(meta: RecordMeta): void {
    const run = this.remove(meta.run ?? '');
    if (run !== undefined) this.onEnded?.(run);
  }

  #triggered(meta: RecordMeta, trigger: Deferred, deferred: true | undefined, at: Place): OpenRun | undefined {
    const run = this.of(meta);
    if (run === undefined) return undefined;
    const closed = trigger.kind === 'resolved' ? [trigger.call] : trigger.closes;
    for (const number of closed) this.removeCall(run, number);
    if (deferred) {
      run.deferred.push(trigger);
      this.attention.heed(run);
      return run;
    }
    const waited = run.deferred.findIndex((one) => sameTrigger(one, trigger));
    if (waited >= 0) run.deferred.splice(waited, 1);
    this.attention.heed(run);
    run.inputs.push(inputOf(trigger, at));
    return run;
  }

  #began(run: OpenRun, what: OpenCall['what'], sinceMs: number): void {
    const call: OpenCall = {
      run: run.id,
      what,
      sinceMs,
      attempts: 0,
      nextAt: sinceMs,
      incarnation: what.kind === 'activity' || what.kind === 'query' ? what.incarnation : '',
      lastFailure: undefined,
      progress: undefined,
      cancelling: false,
    };
    this.addCall(run, call);
    this.attention.heed(run);
  }
}

const SENT = 'perdure:SignalSent';

function isStoppable(what: OpenCall['what']): boolean {
  return (what.kind === 'activity' || what.kind === 'query') && what.shielded !== true;
}

function inputOf(trigger: Trigger, { timeMs, state }: Place) {
  return { trigger, timeMs, state, commands: [] };
}

function sameTrigger(one: Deferred, other: Deferred): boolean {
  return one.kind === other.kind && (one.kind !== 'resolved' || other.kind !== 'resolved' || one.call === other.call);
}

/** What a run's own records carry of the message that started it. */
function metaOfRun({ run, correlation, traceparent, baggage }: RecordMeta): RecordMeta {
  return {
    ...(run === undefined ? {} : { run }),
    ...(correlation === undefined ? {} : { correlation }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(baggage === undefined ? {} : { baggage }),
  };
}
