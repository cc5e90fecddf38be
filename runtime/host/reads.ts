import { type Answer, failed } from '../core/answer.ts';
import { PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { evaluateQuery } from '../core/query.ts';
import { type Revision, streamOf } from '../core/record.ts';
import type { HostContext } from './context.ts';
import type { Life } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { Replies } from './replies.ts';
import type { EntityView, HistoryPage, QueryRequest, RunView } from './surface.ts';

/**
 * Reads of entities: queries, views, history, outcomes.
 *
 * Invariants:
 * L1. What a read shows is durable.
 * L2. A strong read goes through the mailbox: it sees all that was acknowledged before it arrived.
 */
export class Reads {
  readonly #context: HostContext;
  readonly #mailboxes: Mailboxes;
  readonly #life: Life;
  readonly #replies: Replies;

  constructor(context: HostContext, mailboxes: Mailboxes, life: Life, replies: Replies) {
    this.#context = context;
    this.#mailboxes = mailboxes;
    this.#life = life;
    this.#replies = replies;
  }

  query(request: QueryRequest, done: (answer: Answer) => void): void {
    const mailbox = this.#mailbox(request.type, request.id);
    const { name, input, strong } = request;
    if (mailbox === undefined) done(failed('unknown-entity-type', `no entity of type '${request.type}' is registered`));
    else if (strong) this.#life.enqueue(mailbox, { kind: 'query', name, input, done });
    else if (mailbox.image !== undefined) done(this.#evaluate(mailbox, name, input));
    else this.#life.whenReady(mailbox, true, () => done(this.#evaluate(mailbox, name, input)));
  }

  async view(type: string, id: string, options: { readonly strong: boolean }): Promise<EntityView> {
    const mailbox = this.#known(type, id);
    if (!options.strong) return viewOf(await this.#image(mailbox));
    // Looked at while the answer is given: a moment later the entity may have left memory.
    const { answer, image } = await new Promise<{ answer: Answer; image: Image | undefined }>((resolve) => {
      const done = (given: Answer) => resolve({ answer: given, image: mailbox.image });
      this.#life.enqueue(mailbox, { kind: 'query', name: undefined, input: undefined, done });
    });
    if (answer.kind === 'failed' && answer.code !== 'parked') throw new PerdureError(answer.code, answer.message);
    return viewOf(known(type, id, image));
  }

  async history(type: string, id: string, from: Revision, limit: number): Promise<HistoryPage> {
    this.#known(type, id);
    const events: HistoryPage['events'][number][] = [];
    let more = false;
    for await (const page of this.#context.store.readStream(streamOf(type, id), from)) {
      for (const turn of page) {
        for (const [index, record] of turn.records.entries()) {
          const revision = turn.firstRevision + index;
          if (revision < from) continue;
          if (events.length === limit) more = true;
          else
            events.push({
              revision,
              position: turn.position + index,
              type: record.type,
              data: record.data,
              metadata: { ...record.meta, turn: turn.turnId },
              time: turn.time,
            });
        }
      }
      if (more) break;
    }
    if (events.length === 0 && (await this.#context.store.headRevision(streamOf(type, id))) < 0) throw notFound(type, id);
    const last = events.at(-1);
    return { events, next: more && last !== undefined ? last.revision + 1 : undefined };
  }

  async run(type: string, id: string, signalId: string): Promise<RunView> {
    const mailbox = this.#known(type, id);
    const image = await this.#image(mailbox);
    const revision = image.books.window.find(signalId);
    if (revision === undefined) throw new PerdureError('unknown-run', `${type}/${id} knows no signal '${signalId}' (any more)`);
    const name = await this.#nameAt(mailbox, revision);
    const answer = await this.#replies.outcomeAt(mailbox, revision);
    if (answer.kind === 'done') return { signalId, name, status: 'completed', result: answer.result };
    if (answer.kind === 'failed' && answer.code === 'parked') return { signalId, name, status: 'held' };
    if (answer.kind === 'failed' && answer.code === 'defect') {
      return { signalId, name, status: 'failed', problem: { code: answer.code, message: answer.message } };
    }
    throw new PerdureError('outcome-expired');
  }

  async #nameAt(mailbox: Mailbox, revision: Revision): Promise<string> {
    for await (const page of this.#context.store.readStream(mailbox.stream, revision)) {
      const turn = page[0];
      return turn?.records[revision - turn.firstRevision]?.meta.name ?? '';
    }
    return '';
  }

  #evaluate(mailbox: Mailbox, name: string, input: unknown): Answer {
    const { image, definition, durableState: state, durableRevision: revision, durablePosition: position } = mailbox;
    if (image === undefined) return failed('store-failed', `${mailbox.stream} could not be read`);
    if (image.books.forgotten && image.books.forgottenAt <= revision)
      return failed('forgotten', `${definition.type}/${mailbox.id} was forgotten`);
    if (image.foldError !== undefined) return failed('parked', image.foldError);
    const { guard, clock } = this.#context;
    return guard.run(clock.now(), `${mailbox.stream}@${revision}`, () =>
      evaluateQuery(definition, name, input, { state, revision, position }),
    );
  }

  #mailbox(type: string, id: string): Mailbox | undefined {
    const definition = this.#context.definitions.get(type);
    return definition === undefined ? undefined : this.#mailboxes.get(definition, id);
  }

  #known(type: string, id: string): Mailbox {
    const mailbox = this.#mailbox(type, id);
    if (mailbox === undefined) throw new PerdureError('unknown-entity-type', `no entity of type '${type}' is registered`);
    return mailbox;
  }

  /** The image once it is durable. Rejects `not-found`, `forgotten`, `store-failed`. */
  async #image(mailbox: Mailbox): Promise<Image> {
    return known(mailbox.definition.type, mailbox.id, await this.#life.imageOf(mailbox));
  }
}

/** The image of an entity that is there. Throws `not-found` without a stream, `forgotten`, `store-failed` without an image. */
export function known(type: string, id: string, image: Image | undefined): Image {
  if (image === undefined) throw new PerdureError('store-failed', `${streamOf(type, id)} could not be read`);
  if (image.books.revision < 0) throw notFound(type, id);
  if (image.books.forgotten) throw new PerdureError('forgotten', `${type}/${id} was forgotten`);
  return image;
}

function notFound(type: string, id: string): PerdureError {
  return new PerdureError('not-found', `${type}/${id} has no stream`);
}

/** What is shown of an image. */
export function viewOf(image: Image): EntityView {
  const { books, definition, foldError } = image;
  const { paused } = books;
  const parked =
    books.parked ?? (foldError === undefined ? undefined : { reason: 'fold', signal: null, message: foldError, sinceMs: books.lastTimeMs });
  return {
    type: definition.type,
    id: image.id,
    state: foldError === undefined ? image.state : null,
    revision: books.revision,
    position: image.position,
    runs: [],
    owes: books.timers.all().map(({ timer, key, dueAt }) => ({ kind: 'timer', name: timer, key, dueAt })),
    parked:
      parked === undefined
        ? null
        : { reason: parked.reason, signal: parked.signal, message: parked.message, since: parked.sinceMs, held: books.heldCount },
    paused: paused === undefined ? null : { by: paused.by, why: paused.why, since: paused.sinceMs },
  };
}
