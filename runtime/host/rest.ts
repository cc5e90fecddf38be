import type { Image } from '../core/image.ts';
import { owesAttempts, wakeAtMs } from '../core/owed.ts';
import type { Agenda } from './agenda.ts';
import type { HostContext } from './context.ts';
import type { Forgetting } from './forgetting.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';

/**
 * What happens when a mailbox has nothing to do: the agenda learns what its entity owes next, and it may leave memory.
 *
 * Invariants:
 * R1. What is overdue and can be done by nobody now (an attempt that waits for its turn or its end, a state that cannot be folded) wakes its entity once per
 *     REVISIT_MS, or when the next thing is due: said anew whenever the entity rests.
 */
export class Rest {
  readonly #context: HostContext;
  readonly #agenda: Agenda;
  readonly #forgetting: Forgetting;
  readonly #mailboxes: Mailboxes;

  constructor(context: HostContext, agenda: Agenda, forgetting: Forgetting, mailboxes: Mailboxes) {
    this.#context = context;
    this.#agenda = agenda;
    this.#forgetting = forgetting;
    this.#mailboxes = mailboxes;
  }

  rested(mailbox: Mailbox): void {
    if (mailbox.agendaWaits || this.#agenda.isPostponed(mailbox.stream)) this.#tellAgenda(mailbox);
    else if (mailbox.wakeNoted) this.#owesNothing(mailbox);
    this.#mailboxes.rested(mailbox);
  }

  /** A wake-up that the log told the agenda of is over before it is due: without a row nobody is woken for nothing. */
  #owesNothing(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (image === undefined || wakeAtMs(image.books) !== undefined) return;
    mailbox.wakeNoted = false;
    this.#agenda.correct(stream, undefined, image.books.revision);
  }

  #tellAgenda(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (image === undefined) return;
    const { revision } = image.books;
    const at = wakeAtMs(image.books);
    if (image.books.forgotten) {
      mailbox.agendaWaits = false;
      this.#forgetting.run(image).then(
        () => this.#agenda.correct(stream, undefined, revision),
        // The row stays: the agenda wakes it again.
        (error: unknown) => this.#context.log.error('forgetting-failed', { stream, error }),
      );
    } else if (at === undefined || at > this.#context.clock.now()) {
      mailbox.agendaWaits = false;
      this.#agenda.correct(stream, at, revision, owesAttempts(image.books));
    } else if (isStuck(image, at)) this.#agenda.postpone(stream, this.#revisitAt(image));
  }

  #revisitAt({ books: { timers, runs } }: Image): number {
    const now = this.#context.clock.now();
    const due = [timers, runs.waits].map((armed) => armed.earliest()?.dueAt ?? Number.POSITIVE_INFINITY);
    return Math.min(now + REVISIT_MS, ...due.filter((at) => at > now));
  }
}

/** Until an entity that nothing could be done for is woken again, in milliseconds. */
const REVISIT_MS = 60_000;

/** Can nothing be done now about what was due first? */
function isStuck({ books, foldError }: Image, at: number): boolean {
  return foldError !== undefined || (books.hasRuns && books.runs.attempts.earliest()?.dueAt === at);
}
