import type { Agenda } from './agenda.ts';
import type { HostContext } from './context.ts';
import type { Forgetting } from './forgetting.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';

/**
 * What happens when a mailbox has nothing to do: the agenda learns what its entity owes next, and it may leave memory.
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
    if (mailbox.agendaWaits) this.#tellAgenda(mailbox);
    else if (mailbox.wakeNoted) this.#owesNothing(mailbox);
    this.#mailboxes.rested(mailbox);
  }

  /** A wake-up that the log told the agenda of is over before it is due: without a row nobody is woken for nothing. */
  #owesNothing(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (image === undefined || image.books.wakeAtMs !== undefined) return;
    mailbox.wakeNoted = false;
    this.#agenda.correct(stream, undefined, image.books.revision);
  }

  #tellAgenda(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (image === undefined) return;
    const { revision, wakeAtMs: at } = image.books;
    if (image.books.forgotten) {
      mailbox.agendaWaits = false;
      this.#forgetting.run(image).then(
        () => this.#agenda.correct(stream, undefined, revision),
        // The row stays: the agenda wakes it again.
        (error: unknown) => this.#context.log.error('forgetting-failed', { stream, error }),
      );
    } else if (at === undefined || at > this.#context.clock.now()) {
      mailbox.agendaWaits = false;
      this.#agenda.correct(stream, at, revision, image.books.owesAttempts);
    }
  }
}
