import type { Answer } from '../core/answer.ts';
import { PerdureError } from '../core/errors.ts';
import type { HostContext } from './context.ts';
import { readHeld } from './held.ts';
import type { Life } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';
import { viewOf } from './reads.ts';
import type { AdminRequest, EntityView } from './surface.ts';

/**
 * The operator's verbs: each is a message in the entity's mailbox like any other, recorded with who asked and why.
 */
export class Operations {
  readonly #context: HostContext;
  readonly #mailboxes: Mailboxes;
  readonly #life: Life;

  constructor(context: HostContext, mailboxes: Mailboxes, life: Life) {
    this.#context = context;
    this.#mailboxes = mailboxes;
    this.#life = life;
  }

  /** Carries out a verb; resolves with the entity as it is then. Rejects with the code of what stood against it. */
  async run(request: AdminRequest): Promise<EntityView> {
    const definition = this.#context.definitions.get(request.type);
    if (definition === undefined) throw new PerdureError('unknown-entity-type', `no entity of type '${request.type}' is registered`);
    const mailbox = this.#mailboxes.get(definition, request.id);
    const { verb } = request;
    const answer =
      verb === 'pause' || verb === 'resume' || verb === 'forget'
        ? await this.#operate(mailbox, request, verb)
        : await this.#release(mailbox, request, verb);
    const { by, why, type, id } = request;
    this.#context.log.info('operator', { verb, type, id, by, why, answer: answer.kind });
    if (answer.kind === 'failed') throw new PerdureError(answer.code, answer.message, answer.details);
    const image = await this.#ready(mailbox);
    if (verb === 'forget') await this.#context.store.forget(mailbox.stream, image.books.revision);
    return viewOf(image);
  }

  #operate(mailbox: Mailbox, { by, why }: AdminRequest, verb: 'pause' | 'resume' | 'forget'): Promise<Answer> {
    return new Promise((done) => this.#life.enqueue(mailbox, { kind: 'operator', verb, by, why, done }));
  }

  /** `retry`, `skip` and `edit` concern the first held message; what is behind it follows by itself. */
  async #release(mailbox: Mailbox, request: AdminRequest, verb: 'retry' | 'skip' | 'edit'): Promise<Answer> {
    const { by, why, payload } = request;
    const { books } = await this.#ready(mailbox);
    if (books.parked === undefined) throw new PerdureError('not-parked', `${request.type}/${request.id} is not parked`);
    const [held] = await readHeld(this.#context.store, mailbox.stream, books.heldFrom, 1);
    if (held === undefined) throw new PerdureError('not-parked', `${request.type}/${request.id} holds nothing`);
    return new Promise((done) => this.#life.enqueue(mailbox, { kind: 'release', verb, held, payload, by, why, done }));
  }

  async #ready(mailbox: Mailbox) {
    if (mailbox.phase !== 'ready') await new Promise<void>((resolve) => this.#life.whenReady(mailbox, true, resolve));
    if (mailbox.image === undefined) throw new PerdureError('store-failed', `${mailbox.stream} could not be read`);
    return mailbox.image;
  }
}
