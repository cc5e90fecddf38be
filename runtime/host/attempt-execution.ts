import { CancelledError } from '../core/rejection.ts';
import type { AttemptOutcome } from '../core/turn/input.ts';
import { AttemptHeartbeats, type RecordProgress } from './attempt-heartbeats.ts';
import type { HostContext } from './context.ts';
import type { Due, DueQueue } from './due-queue.ts';

/** How long one attempt may take. Times are milliseconds, and milliseconds since 1970. */
export interface AttemptTimes {
  readonly timeoutMs: number;
  readonly heartbeatMs: number | undefined;
  /** When all attempts together have had their time. */
  readonly deadlineAtMs: number | undefined;
  readonly deadlineMs: number | undefined;
}

/** Who is told of an attempt. */
export interface AttemptListener {
  /** It ended like this; after a `lost` also a success that came too late. `progress`: the newest, if the attempt failed. */
  ended(outcome: AttemptOutcome, progress: unknown): void;
  /** It takes no place any more. Once, before `ended`. */
  left(): void;
  readonly record: RecordProgress;
}

/**
 * One attempt that is out: user code that works, its signal, and the times that bound it.
 *
 * Invariants:
 * E1. `left` is told once, at the latest when the time of the attempt is up: work that never settles takes no place for ever.
 * E2. How it ended is told at most once, and not at all once nobody waits for it; only a success of an attempt that was given up is told after that.
 * E3. The signal is aborted when the work is of no use any more: asked to stop, out of time, replaced, unwanted. From then on
 *     `heartbeat` changes nothing: it throws nothing either, for it may stand in a timer of the activity, where nobody catches.
 * E4. The time-out counts from the start, the deadline from the call, the heartbeat time-out from the last heartbeat.
 */
export class AttemptExecution implements Due {
  dueAt: number | undefined;
  readonly #clock: HostContext['clock'];
  readonly #queue: DueQueue;
  readonly #listener: AttemptListener;
  readonly #heartbeats: AttemptHeartbeats;
  /** Made for whoever looks at the signal: most activities do not, and it costs more than all the rest. */
  #controller: AbortController | undefined;
  /** Why it is of no use any more. */
  #reason: Error | undefined;
  readonly #endAtMs: number;
  readonly #endText: string;
  readonly #silenceText: string;
  #state: 'out' | 'stopping' | 'unwanted' | 'given-up' | 'over' = 'out';

  /** `name`: of its activity, for messages. */
  constructor(
    name: string,
    times: AttemptTimes,
    { clock, queue }: { readonly clock: HostContext['clock']; readonly queue: DueQueue },
    listener: AttemptListener,
  ) {
    const { timeoutMs, heartbeatMs, deadlineAtMs = Number.POSITIVE_INFINITY, deadlineMs } = times;
    const now = clock.now();
    this.#clock = clock;
    this.#queue = queue;
    this.#listener = listener;
    this.#endAtMs = Math.min(now + timeoutMs, deadlineAtMs);
    this.#endText =
      this.#endAtMs === deadlineAtMs ? `no answer within the deadline of ${deadlineMs} ms` : `no answer within ${timeoutMs} ms`;
    this.#silenceText = `no heartbeat within ${heartbeatMs} ms`;
    this.#heartbeats = new AttemptHeartbeats(name, heartbeatMs, now, (progress, answered) => this.#record(progress, answered));
    this.#watch();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** What `heartbeat` of the activity does (E3). Throws `payload-not-plain`, `payload-too-large`. */
  readonly heartbeat = (progress?: unknown): void => {
    if (this.#reason !== undefined || this.#state !== 'out') return;
    this.#heartbeats.beat(progress, this.#clock.now());
    this.#watch();
  };

  /** Waits for the work, whose outcome it is; a rejection of it is handed to `fail`. */
  await(work: Promise<AttemptOutcome>, fail: (error: unknown) => void): void {
    work.then((outcome) => this.#settled(outcome)).catch(fail);
  }

  /** Its run was asked to stop: it may still tell how it ended, and has until its time is up. */
  cancel(): void {
    if (this.#state !== 'out') return;
    this.#state = 'stopping';
    this.#abort(new CancelledError());
  }

  /** Nobody waits for it any more. */
  abandon(why: string): void {
    if (this.#state !== 'out' && this.#state !== 'stopping') return;
    this.#state = 'unwanted';
    this.#abort(new DOMException(why, 'AbortError'));
  }

  /** Somebody else found it lost, and another takes its place. */
  supersede(why: string): void {
    if (this.#state !== 'out' && this.#state !== 'stopping') return;
    this.#leave('given-up');
    this.#abort(new DOMException(why, 'AbortError'));
  }

  due(nowMs: number): void {
    const { silentAtMs } = this.#heartbeats;
    if (nowMs >= this.#endAtMs) this.#timeUp(this.#endText);
    else if (silentAtMs !== undefined && nowMs >= silentAtMs && this.#state === 'out') this.#timeUp(this.#silenceText);
    else {
      if (this.#state === 'out') this.#heartbeats.recordIfDue(nowMs);
      this.#watch();
    }
  }

  #settled(outcome: AttemptOutcome): void {
    const state = this.#state;
    if (state === 'over') return;
    if (state === 'given-up') {
      this.#state = 'over';
      if (outcome.kind === 'completed') this.#listener.ended(outcome, undefined);
      return;
    }
    this.#leave('over');
    if (state !== 'unwanted') this.#tell(state === 'stopping' && outcome.kind === 'failed' ? CANCELLED : outcome);
  }

  #timeUp(message: string): void {
    const state = this.#state;
    this.#leave(state === 'unwanted' ? 'over' : 'given-up');
    if (state !== 'unwanted') this.#tell(state === 'stopping' ? CANCELLED : { kind: 'lost', message });
    this.#abort(new DOMException(message, 'TimeoutError'));
  }

  #tell(outcome: AttemptOutcome): void {
    this.#listener.ended(outcome, outcome.kind === 'failed' || outcome.kind === 'lost' ? this.#heartbeats.newest : undefined);
  }

  #leave(state: 'given-up' | 'over'): void {
    this.#state = state;
    this.#queue.forget(this);
    this.#listener.left();
  }

  /** With the names that the platform's own signals abort with. User code hears of it in here, so it is the last thing done. */
  #abort(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  #record(progress: unknown, answered: () => void): void {
    this.#listener.record(progress, () => {
      answered();
      if (this.#state === 'out') this.#watch();
    });
  }

  #watch(): void {
    const { silentAtMs = Number.POSITIVE_INFINITY, recordAtMs = Number.POSITIVE_INFINITY } = this.#heartbeats;
    this.#queue.watch(this, this.#state === 'out' ? Math.min(this.#endAtMs, silentAtMs, recordAtMs) : this.#endAtMs);
  }
}

const CANCELLED = { kind: 'cancelled' } as const;
