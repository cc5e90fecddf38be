import type { Answer } from '../core/answer.ts';
import type { Effect } from '../core/turn/input.ts';
import type { Attempts } from './attempts.ts';
import type { HostContext } from './context.ts';
import type { Mailbox } from './mailbox.ts';
import type { Waiters } from './waiters.ts';

/**
 * What follows from a durable turn beside its answers: attempts start or stop, those who wait for runs are told, lines are logged.
 */
export class Consequences {
  readonly #context: HostContext;
  readonly #attempts: Attempts;
  readonly #waiters: Waiters;

  constructor(context: HostContext, attempts: Attempts, waiters: Waiters) {
    this.#context = context;
    this.#attempts = attempts;
    this.#waiters = waiters;
  }

  /** Applies the effects of a turn, in order. */
  apply(mailbox: Mailbox, effects: readonly Effect[]): void {
    const { counters, log } = this.#context;
    for (const effect of effects) {
      if (effect.kind === 'ended') {
        counters.runsEnded += 1;
        this.#tellStalled(mailbox, effect.run, effect.answer);
        this.#waiters.tell(mailbox.stream, effect.run, placed(effect.answer, mailbox));
      } else if (effect.kind === 'logged') {
        const { message, fields } = effect.line;
        log.info('entity', { ...fields, type: mailbox.definition.type, id: mailbox.id, run: effect.run, message });
      }
    }
    this.#attempts.apply(mailbox, effects);
  }

  /** Nobody may be waiting: a run that stopped is always in the log. */
  #tellStalled({ definition, id }: Mailbox, run: string, answer: Answer): void {
    if (answer.kind !== 'failed' || answer.code !== 'run-stalled') return;
    this.#context.log.warn('run-stalled', { type: definition.type, id, run, message: answer.message, details: answer.details });
  }
}

/** Told while its turn was being made, an answer names the place before it; what it is told with covers the whole turn (A2 of replies.ts). */
function placed(answer: Answer, { image }: Mailbox): Answer {
  if (image === undefined || answer.kind === 'failed') return answer;
  const { position, books } = image;
  return answer.kind === 'done' ? { ...answer, position, revision: books.revision } : { ...answer, position };
}
