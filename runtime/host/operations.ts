import type { Answer } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { streamOf } from '../core/record.ts';
import type { OperatorInput } from '../core/turn/input.ts';
import type { HostContext } from './context.ts';
import type { Forgetting } from './forgetting.ts';
import { readHeld } from './held.ts';
import type { Life } from './life.ts';
import type { Mailboxes } from './mailboxes.ts';
import { known } from './reads.ts';
import type { AdminRequest, EntityView } from './surface.ts';
import { viewOf } from './view.ts';

/** How long a verb that releases waits for what follows the first held message, milliseconds, and its pauses meanwhile. */
const DRAIN_WAIT_MS = 5_000;
const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 100;

/**
 * The operator's verbs: each is a message in the entity's mailbox like any other, recorded with who asked and why.
 *
 * Invariants:
 * O1. `retry`, `skip` and `edit` answer when what was held behind is handled, or the entity is parked again: "not parked" is not said a moment before
 *     it parks. After DRAIN_WAIT_MS they answer with the entity as it is then, which is not parked though it still releases.
 */
export class Operations {
  readonly #context: HostContext;
  readonly #mailboxes: Mailboxes;
  readonly #life: Life;
  readonly #forgetting: Forgetting;

  constructor(context: HostContext, mailboxes: Mailboxes, life: Life, forgetting: Forgetting) {
    this.#forgetting = forgetting;
    this.#context = context;
    this.#mailboxes = mailboxes;
    this.#life = life;
  }

  /** Carries out a verb; resolves with the entity as it is then (O1). Rejects with the code of what stood against it. */
  async run(request: AdminRequest): Promise<EntityView> {
    const definition = this.#context.definitions.get(request.type);
    if (definition === undefined) throw new PerdureError('unknown-entity-type', `no entity of type '${request.type}' is registered`);
    const { verb } = request;
    const answer =
      verb === 'retry' || verb === 'skip' || verb === 'edit'
        ? await this.#release(definition, request, verb)
        : await this.#operate(definition, request, verb);
    const { by, why, type, id } = request;
    this.#context.log.info('operator', { verb, type, id, by, why, answer: answer.kind });
    if (answer.kind === 'failed') throw new PerdureError(answer.code, answer.message, answer.details);
    const releases = verb === 'retry' || verb === 'skip' || verb === 'edit';
    const image = releases ? await this.#released(definition, id) : await this.#image(definition, id);
    const view = viewOf(image);
    if (verb === 'forget') await this.#forgetting.run(image);
    return view;
  }

  #operate(definition: EntityDefinition, { id, by, why, run }: AdminRequest, verb: OperatorInput['verb']): Promise<Answer> {
    const mailbox = this.#mailboxes.get(definition, id);
    const which = run === undefined ? {} : { run };
    return new Promise((done) => this.#life.enqueue(mailbox, { kind: 'operator', verb, by, why, ...which, done }));
  }

  /** `retry`, `skip` and `edit` concern the first held message; what is behind it follows by itself. */
  async #release(definition: EntityDefinition, request: AdminRequest, verb: 'retry' | 'skip' | 'edit'): Promise<Answer> {
    const { by, why, payload, type, id } = request;
    const { books } = known(definition.type, id, await this.#image(definition, id));
    // An entity that is not parked may have runs that stalled alone.
    if (books.parked === undefined && verb === 'retry') return this.#operate(definition, request, 'resumeRuns');
    if (books.parked === undefined) throw new PerdureError('not-parked', `${type}/${id} is not parked`);
    const [held] = await readHeld(this.#context.store, streamOf(type, id), books.heldFrom, 1);
    if (held === undefined) throw new PerdureError('not-parked', `${type}/${id} holds nothing`);
    if (verb === 'edit' && held.message.kind === 'timer') {
      throw new PerdureError('malformed-request', 'what is held is the firing of a timer, which has no payload to edit: retry or skip it');
    }
    const mailbox = this.#mailboxes.get(definition, id);
    return new Promise((done) => this.#life.enqueue(mailbox, { kind: 'release', verb, held, payload, by, why, done }));
  }

  /** The image when it releases nothing any more, or DRAIN_WAIT_MS are over (O1). */
  async #released(definition: EntityDefinition, id: string): Promise<Image> {
    const { clock } = this.#context;
    const until = clock.now() + DRAIN_WAIT_MS;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const image = await this.#image(definition, id);
      const { heldCount, parked, paused } = image.books;
      const stands = heldCount === 0 || parked !== undefined || paused !== undefined || image.foldError !== undefined;
      if (stands || clock.now() >= until) return image;
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
    }
  }

  /** Of the mailbox as it is now: one held over an await may have left memory, and another taken its place. */
  async #image(definition: EntityDefinition, id: string): Promise<Image> {
    const mailbox = this.#mailboxes.get(definition, id);
    const image = await this.#life.imageOf(mailbox);
    if (image === undefined) throw new PerdureError('store-failed', `${mailbox.stream} could not be read`);
    return image;
  }
}
