import type { Image } from '../core/image.ts';
import type { StreamName } from '../core/record.ts';
import type { OpenCall, OpenRun } from '../core/run/open-run.ts';
import { timeoutOf } from '../core/run/policy.ts';
import type { ActivityPace } from './activity-pace.ts';
import type { AttemptExecution, AttemptTimes } from './attempt-execution.ts';
import type { Due, DueQueue } from './due-queue.ts';
import type { Mailbox } from './mailbox.ts';

/** A call that is carried out by attempts: of an activity, or of a query. */
export type AttemptedCall = OpenCall & { readonly what: Extract<OpenCall['what'], { kind: 'activity' | 'query' }> };

/** Is it a call that is carried out by attempts? */
export function isAttempted(call: OpenCall): call is AttemptedCall {
  return call.what.kind === 'activity' || call.what.kind === 'query';
}

/** An open call of an entity that attempts carry out, and its run; undefined if it is closed or of another kind. */
export function findCall(
  image: Image | undefined,
  runId: string,
  number: number,
): { readonly run: OpenRun; readonly call: AttemptedCall } | undefined {
  if (image?.books.hasRuns !== true) return undefined;
  const run = image.books.runs.open.get(runId);
  const call = run?.calls.get(number);
  return run === undefined || call === undefined || !isAttempted(call) ? undefined : { run, call };
}

/** Does an entity hold: may no user code of it run? */
export function isHolding({ books, foldError }: Image): boolean {
  return books.holding || foldError !== undefined;
}

/** What is tried, for messages and the log. */
export function nameOf({ what }: AttemptedCall): string {
  return what.kind === 'activity' ? what.activity : `${what.message.type}/${what.message.id} ${what.message.name}`;
}

/** How long an attempt of a call may take. */
export function timesOf({ what, sinceMs }: AttemptedCall): AttemptTimes {
  const policy = what.kind === 'activity' ? what.policy : {};
  const { heartbeatMs, deadlineMs } = policy;
  const deadlineAtMs = deadlineMs === undefined ? undefined : sinceMs + deadlineMs;
  return { timeoutMs: timeoutOf(policy), heartbeatMs, deadlineMs, deadlineAtMs };
}

/** Under what a call is known, whichever of its attempts. */
export function keyOf(stream: StreamName, run: string, call: number): string {
  // An id has no control characters, so the parts cannot run into each other.
  return `${stream}\u0000${call}\u0000${run}`;
}

/**
 * One attempt in the registry, from its plan until its outcome is recorded.
 *
 * `planned`: its time has not come. `waiting`: for its place among others of its activity. `waking`: its place is taken, its entity is being rehydrated.
 * `out`: user code works. `ended`: its outcome is on its way into the stream.
 */
export class Attempt implements Due {
  dueAt: number | undefined;
  phase: 'planned' | 'waiting' | 'waking' | 'out' | 'ended' = 'planned';
  execution: AttemptExecution | undefined;
  readonly mailbox: Mailbox;
  readonly key: string;
  readonly run: string;
  readonly call: number;
  /** 1 for the first attempt of its call. */
  readonly number: number;
  readonly name: string;
  readonly times: AttemptTimes;
  readonly pace: ActivityPace<Attempt> | undefined;
  readonly #onDue: (attempt: Attempt, nowMs: number) => void;

  constructor(
    mailbox: Mailbox,
    call: AttemptedCall,
    pace: ActivityPace<Attempt> | undefined,
    onDue: (attempt: Attempt, nowMs: number) => void,
  ) {
    this.mailbox = mailbox;
    this.key = keyOf(mailbox.stream, call.run, call.what.call);
    this.run = call.run;
    this.call = call.what.call;
    this.number = call.attempts + 1;
    this.name = nameOf(call);
    this.times = timesOf(call);
    this.pace = pace;
    this.#onDue = onDue;
  }

  due(nowMs: number): void {
    this.#onDue(this, nowMs);
  }

  /** Gives back what it has taken; it is planned for no time then. Of one that is out its execution does so itself. */
  withdraw(queue: DueQueue): void {
    const { phase, pace } = this;
    if (phase === 'out' || phase === 'ended') return;
    queue.forget(this);
    this.phase = 'planned';
    if (phase === 'waiting') pace?.leave(this);
    else if (phase === 'waking') pace?.unused();
  }

  /** What the log says of it. */
  get fields(): Readonly<Record<string, unknown>> {
    const { mailbox, run, call, number, name } = this;
    return { type: mailbox.definition.type, id: mailbox.id, run, call, attempt: number, name };
  }
}
