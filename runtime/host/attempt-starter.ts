import type { Answer } from '../core/answer.ts';
import type { Envelope } from '../core/definition/types.ts';
import type { Image } from '../core/image.ts';
import type { StreamName } from '../core/record.ts';
import { idempotencyKey } from '../core/run/execution.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import { metaFor } from '../core/turn/context.ts';
import type { AttemptOutcome } from '../core/turn/input.ts';
import type { Activities } from './activity-registry.ts';
import { type Attempt, type AttemptedCall, findCall, isHolding } from './attempt.ts';
import { AttemptExecution } from './attempt-execution.ts';
import { failedOutcome, perform, queryOutcome } from './attempt-outcome.ts';
import type { Enqueue } from './attempt-reports.ts';
import type { HostContext } from './context.ts';
import type { DueQueue } from './due-queue.ts';

/** The part of the host's context that attempts know. */
export type AttemptContext = Pick<HostContext, 'clock' | 'counters' | 'entropy' | 'fail' | 'freeze' | 'log'> & {
  readonly runs: Pick<HostContext['runs'], 'digest'>;
};

/** What attempts need of their host. */
export interface AttemptParts {
  readonly enqueue: Enqueue;
  /** Asks a strong query. */
  query(message: Envelope): Promise<Answer>;
  /** The image of an entity as soon as it is durable, rehydrating it if need be; undefined if it cannot be read just now. */
  imageOf(stream: StreamName): Promise<Image | undefined>;
}

/** Who is told what becomes of an attempt whose turn has come. */
export interface StarterListener {
  ended(attempt: Attempt, outcome: AttemptOutcome, progress?: unknown): void;
  /** It was not started: its call is closed or another attempt's, or its entity holds. */
  dropped(attempt: Attempt): void;
}

/**
 * Starts attempts whose turn has come, and knows those that are out.
 *
 * Invariants:
 * S1. What is started, and with what, is read from the image at that moment: nothing of a call is kept while its attempt is planned.
 * S2. User code is given no part of the entity's image that it could change (in development and tests: it throws).
 */
export class AttemptStarter {
  readonly #context: AttemptContext;
  readonly #activities: Activities;
  readonly #parts: AttemptParts;
  readonly #queue: DueQueue;
  readonly #listener: StarterListener;
  readonly #out = new Set<AttemptExecution>();
  #isStopped = false;

  constructor(context: AttemptContext, activities: Activities, parts: AttemptParts, queue: DueQueue, listener: StarterListener) {
    this.#context = context;
    this.#activities = activities;
    this.#parts = parts;
    this.#queue = queue;
    this.#listener = listener;
  }

  /** Attempts that are out. */
  get running(): number {
    return this.#out.size;
  }

  /** Starts an attempt that has its place, if it is still to be started. Its entity may have left memory since it was planned. */
  begin(attempt: Attempt): void {
    if (this.#isStopped) return;
    attempt.phase = 'waking';
    const { image, stream } = attempt.mailbox;
    if (image !== undefined) {
      this.#beginOn(attempt, image);
      return;
    }
    const woken = (found: Image | undefined) => {
      if (attempt.phase !== 'waking' || this.#isStopped) return;
      if (found !== undefined) this.#beginOn(attempt, found);
      else {
        attempt.withdraw(this.#queue);
        this.#queue.watch(attempt, this.#context.clock.now() + UNREADABLE_MS);
      }
    };
    this.#parts.imageOf(stream).then(woken).catch(this.#context.fail);
  }

  /** Aborts all that is out; nothing begins any more. */
  stop(): void {
    this.#isStopped = true;
    for (const execution of [...this.#out]) execution.abandon('the node stops');
  }

  #beginOn(attempt: Attempt, image: Image): void {
    const found = findCall(image, attempt.run, attempt.call);
    if (found === undefined || found.call.attempts + 1 !== attempt.number || isHolding(image)) {
      // One that is only held is planned again by the `recover` that follows the end of the hold.
      attempt.withdraw(this.#queue);
      this.#listener.dropped(attempt);
    } else if (found.call.cancelling) {
      attempt.withdraw(this.#queue);
      this.#listener.ended(attempt, { kind: 'cancelled' });
    } else this.#start(attempt, found.run, found.call);
  }

  #start(attempt: Attempt, run: OpenRun, call: AttemptedCall): void {
    const { clock, counters, fail } = this.#context;
    this.#queue.forget(attempt);
    const execution: AttemptExecution = new AttemptExecution(
      attempt.name,
      attempt.times,
      { clock, queue: this.#queue },
      {
        ended: (outcome, progress) => {
          if (outcome.kind === 'lost') counters.attemptsTimedOut += 1;
          this.#listener.ended(attempt, outcome, progress);
        },
        left: () => {
          this.#out.delete(execution);
          attempt.pace?.ended();
        },
        record: (progress, answered) => this.#record(attempt, progress, answered),
      },
    );
    attempt.phase = 'out';
    attempt.execution = execution;
    this.#out.add(execution);
    counters.attempts += 1;
    execution.await(this.#work(attempt, execution, run, call), fail);
  }

  #record({ mailbox, run, call, number }: Attempt, progress: unknown, done: () => void): void {
    this.#context.counters.heartbeats += 1;
    // One that is refused is no loss: the next follows, and the newest rides on the outcome.
    this.#parts.enqueue(mailbox.stream, { kind: 'heartbeat', run, call, attempt: number, progress, done });
  }

  #work(attempt: Attempt, execution: AttemptExecution, run: OpenRun, { what, progress }: AttemptedCall): Promise<AttemptOutcome> {
    const { freeze, log, runs } = this.#context;
    if (what.kind === 'query') {
      return this.#parts.query(what.message).then(
        (answer) => queryOutcome(attempt.name, answer),
        (error: unknown) => failedOutcome(error, 'call-failed'),
      );
    }
    const activity = this.#activities.get(what.activity);
    if (activity === undefined) {
      return Promise.resolve({ kind: 'failed', code: 'unknown-activity', message: `this node has no activity '${what.activity}'` });
    }
    const { meta, id } = run;
    const info = {
      get signal() {
        return execution.signal;
      },
      attempt: attempt.number,
      idempotencyKey: what.key ?? idempotencyKey(runs, run, what.call),
      meta: metaFor(id, meta),
      heartbeat: execution.heartbeat,
      lastHeartbeat: freeze(progress),
    };
    return perform(activity, freeze(what.input), info, (error) => log.warn('activity-threw', { ...attempt.fields, error }));
  }
}

/** Before the image of an entity that could not be read is asked for again, in milliseconds. */
const UNREADABLE_MS = 1_000;
