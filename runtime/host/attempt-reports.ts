import type { Answer } from '../core/answer.ts';
import type { StreamName } from '../core/record.ts';
import { nextDelayMs, type RetryPolicy } from '../core/retry.ts';
import type { HeartbeatInput, OutcomeInput } from '../core/turn/input.ts';
import { canPass, failedOutcome } from './attempt-outcome.ts';
import type { HostContext } from './context.ts';
import type { DueQueue } from './due-queue.ts';

/** Puts a message into an entity's mailbox, rehydrating it if need be; `done` is told once, when it is durable or refused. */
export type Enqueue = (stream: StreamName, input: (OutcomeInput | HeartbeatInput) & { readonly done: (answer: Answer) => void }) => void;

/**
 * The way of outcomes into the mailboxes of their entities.
 *
 * Invariants:
 * R1. An outcome is put there again until it was handled or refused for good: while the process lives none is lost.
 * R2. A value that is refused for good becomes a failure that names why; so the call does not wait for what cannot be recorded.
 */
export class AttemptReports {
  readonly #context: Pick<HostContext, 'clock' | 'counters' | 'entropy' | 'log'>;
  readonly #queue: DueQueue;
  readonly #enqueue: Enqueue;

  constructor(context: Pick<HostContext, 'clock' | 'counters' | 'entropy' | 'log'>, queue: DueQueue, enqueue: Enqueue) {
    this.#context = context;
    this.#queue = queue;
    this.#enqueue = enqueue;
  }

  /** Sees to it that an outcome is recorded; `settled` is told when nothing more will come of it. */
  send(stream: StreamName, input: OutcomeInput, settled: () => void, tries = 1): void {
    const done = (answer: Answer) => {
      if (answer.kind !== 'failed' || answer.code === 'forgotten') settled();
      else if (canPass(answer.code)) this.#later(tries, () => this.send(stream, input, settled, tries + 1));
      else this.#refused(stream, input, answer, settled);
    };
    this.#enqueue(stream, { ...input, done });
  }

  #refused(stream: StreamName, input: OutcomeInput, { code, message }: Extract<Answer, { kind: 'failed' }>, settled: () => void): void {
    const { run, call, attempt, outcome } = input;
    this.#context.log.error('outcome-refused', { stream, run, call, attempt, outcome: outcome.kind, code, message });
    if (outcome.kind !== 'completed' && outcome.kind !== 'rejected') settled();
    else this.send(stream, { kind: 'outcome', run, call, attempt, outcome: { ...failedOutcome(message, code), code } }, settled);
  }

  #later(tries: number, again: () => void): void {
    const { clock, counters, entropy } = this.#context;
    counters.outcomesRepeated += 1;
    const delayMs = nextDelayMs(AGAIN, tries, entropy.random()) ?? AGAIN.maxMs;
    this.#queue.watch({ dueAt: undefined, due: again }, clock.now() + delayMs);
  }
}

const AGAIN: RetryPolicy = { initialMs: 100, factor: 2, maxMs: 10_000, attempts: Number.POSITIVE_INFINITY };
