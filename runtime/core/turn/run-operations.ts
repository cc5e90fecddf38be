import { failed } from '../answer.ts';
import type { Image } from '../image.ts';
import { journal, type Outcome } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import type { NewRecord, SourceMark } from '../record.ts';
import type { OpenRun, QueuedRun } from '../run/open-run.ts';
import { answerOf, type Belonging, cancelRecords, endRecords } from './conclude.ts';
import { failedOutcome, replyRecord } from './facts.ts';
import type { Effect, OperatorInput, Step } from './input.ts';
import { done, nothing } from './step.ts';

/**
 * The operator's verbs over runs, and the end of an entity.
 *
 * Invariants:
 * P1. Terminating is carried out run by run, in as many turns as it takes, and runs no user code: the run ends as it stands, what it called is asked to stop, nothing is compensated.
 * P2. Whoever waits for a run, a queued signal or a held call is told, whatever ends it.
 */

/** Cancels, terminates or resumes runs. Cancelling and resuming is work that follows. */
export function operateRuns(image: Image, input: OperatorInput): Step {
  const { verb, by, why } = input;
  const { runs } = image.books;
  const isMeant = ({ id }: { readonly id: string }) => input.run === undefined || id === input.run;
  const open = [...runs.open.values()].filter(isMeant);
  const queued = runs.queued.filter(isMeant);
  const meant = verb === 'resumeRuns' ? open.filter(({ stalled }) => stalled !== undefined) : [...open, ...queued];
  if (meant.length === 0) {
    const what = `${image.definition.type}/${image.id}`;
    if (verb === 'resumeRuns' && input.run === undefined)
      return nothing(image, failed('not-parked', `${what} is not parked and has no stalled run`));
    return nothing(
      image,
      failed(
        'unknown-run',
        `${what} has no ${verb === 'resumeRuns' ? 'stalled' : 'open'} run${input.run === undefined ? '' : ` ${input.run}`}`,
      ),
    );
  }
  const kind = verb === 'cancel' || verb === 'terminate' ? verb : 'resume';
  const one = input.run === undefined ? {} : { run: input.run };
  return { ...nothing(image, done(image)), asks: [{ kind, by, why, ...one, upTo: image.books.revision }] };
}

/** Forgets an entity: everything of it ends. */
export function forget(image: Image, { by, why }: OperatorInput): Step {
  const { books } = image;
  const count = books.runs.open.size + books.runs.queued.length + books.heldReplies.size;
  if (count > LIMITS.maxRunsForgotten) {
    return nothing(image, failed('overloaded', `${count} runs and held calls would end at once: terminate the runs first`));
  }
  const gone: Outcome = failedOutcome('forgotten', `${image.definition.type}/${image.id} was forgotten`);
  const ended = endAll(image, [...books.runs.open.values()], books.runs.queued, gone);
  const held = [...books.heldReplies.values()].map((reply) => replyRecord(reply, gone));
  const marks: SourceMark[] = [...books.marks].map(([source, mark]) => ({ source, ...mark }));
  const records = [...ended.records, ...held, journal('Forgotten', { by, why, marks })];
  return { ...ended, records, bytes: records.length * 160 };
}

/** Ends a run that waits in the queue and can never begin. */
export function endQueued(image: Image, queued: QueuedRun, outcome: Outcome): Step {
  return endAll(image, [], [queued], outcome);
}

/** Ends an open run as it stands (P1). */
export function terminate(image: Image, run: OpenRun, by: string, why: string): Step {
  return endAll(image, [run], [], { kind: 'terminated', by, why });
}

/** P1, P2. */
function endAll(image: Image, open: readonly OpenRun[], queued: readonly QueuedRun[], outcome: Outcome): Step {
  const records: NewRecord[] = [];
  const effects: Effect[] = [];
  for (const run of open) {
    image.live?.delete(run.id);
    records.push(...cancelRecords(image, run, run.calls.values()));
    for (const { what } of run.calls.values())
      if (what.kind === 'activity' || what.kind === 'query') effects.push({ kind: 'abort', run: run.id, call: what.call });
    records.push(...endRecords(run, outcome));
    effects.push({ kind: 'ended', run: run.id, answer: answerOf(image, run, outcome) });
  }
  for (const { id, name, once, reply } of queued) {
    const run: Belonging = { id, name, of: 'signal', once, meta: { run: id }, reply };
    records.push(...endRecords(run, outcome));
    effects.push({ kind: 'ended', run: id, answer: answerOf(image, run, outcome) });
  }
  return { records, state: image.state, bytes: records.length * 160, decision: done(image), effects };
}
