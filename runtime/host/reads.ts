import { type Answer, failed } from '../core/answer.ts';
import { PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { evaluateQuery } from '../core/query.ts';
import { type Revision, streamOf } from '../core/record.ts';
import { readCallbackToken } from '../core/run/callback-token.ts';
import type { HostContext } from './context.ts';
import type { Life } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { Replies } from './replies.ts';
import type { CallbackRequest, CallbackView, EntityView, HistoryPage, QueryRequest, RunView } from './surface.ts';
import { viewOf } from './view.ts';
import type { Waiters } from './waiters.ts';

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
  readonly #waiters: Waiters;

  constructor(context: HostContext, mailboxes: Mailboxes, life: Life, replies: Replies, waiters: Waiters) {
    this.#waiters = waiters;
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

  async run(type: string, id: string, signalId: string, { waitMs }: { readonly waitMs: number }): Promise<RunView> {
    const mailbox = this.#known(type, id);
    const open = openRun(await this.#image(mailbox), signalId);
    if (open === undefined) return await this.#heldOrEnded(type, id, signalId, waitMs);
    if (waitMs <= 0 || open.status === 'stalled') return open;
    const ended = await this.#ended(mailbox, signalId, waitMs);
    return ended ? await this.run(type, id, signalId, { waitMs: 0 }) : open;
  }

  /** Completes or fails a callback: a message in the mailbox of its entity. */
  async callback({ token, outcome }: CallbackRequest): Promise<CallbackView> {
    const read = readCallbackToken(token);
    if (read === undefined) throw new PerdureError('malformed-request', 'this is not the token of a callback');
    const { type, id, run, call } = read.address;
    const mailbox = this.#known(type, id);
    const answer = await new Promise<Answer>((done) =>
      this.#life.enqueue(mailbox, { kind: 'callback', run, call, secret: read.secret, outcome, done }),
    );
    if (answer.kind === 'failed') throw new PerdureError(answer.code, answer.message, answer.details);
    return { type, id, run, position: answer.position };
  }

  /** Waits until a run ends or stalls. False if it did not within `waitMs`. */
  #ended(mailbox: Mailbox, run: string, waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#context.clock.after(waitMs, () => {
        giveUp();
        resolve(false);
      });
      const giveUp = this.#waiters.add(mailbox.stream, run, () => {
        cancel();
        resolve(true);
      });
    });
  }

  /** Nobody is told when what is held is handled: it is asked for, again and again. */
  async #heldOrEnded(type: string, id: string, signalId: string, waitMs: number): Promise<RunView> {
    const { clock } = this.#context;
    const until = clock.now() + waitMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      const view = await this.#endedRun(type, id, signalId);
      const leftMs = until - clock.now();
      if (view.status !== 'held' || leftMs <= 0) return view;
      await new Promise<void>((resolve) => void clock.after(Math.min(pauseMs, leftMs), resolve));
      const open = openRun(await this.#image(this.#known(type, id)), signalId);
      if (open !== undefined) return await this.run(type, id, signalId, { waitMs: until - clock.now() });
    }
  }

  async #endedRun(type: string, id: string, signalId: string): Promise<RunView> {
    const mailbox = this.#known(type, id);
    const { books, position } = await this.#image(mailbox);
    const once = [...books.once.values()].find((accepted) => accepted.signalId === signalId);
    const revision = books.window.find(signalId) ?? once?.revision;
    if (revision === undefined) throw new PerdureError('unknown-run', `${type}/${id} knows no signal '${signalId}' (any more)`);
    const name = await this.#nameAt(mailbox, revision);
    const answer = await this.#replies.outcomeAt(mailbox, revision);
    if (answer.kind === 'done') return { signalId, name, status: 'completed', result: answer.result, position };
    const { code, message, details } = answer;
    const problem = { code, message, ...(details === undefined || details === null ? {} : { details }) };
    if (answer.kind === 'rejected') return { signalId, name, status: 'rejected', problem: { ...problem, by: answer.by }, position };
    if (code === 'parked') return { signalId, name, status: 'held' };
    if (code === 'cancelled' || code === 'terminated') return { signalId, name, status: code, problem, position };
    if (code === 'outcome-expired') throw new PerdureError('outcome-expired');
    return { signalId, name, status: 'failed', problem, position };
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

/** An open or queued run as it is shown; undefined if none has this id. */
function openRun(image: Image, signalId: string): RunView | undefined {
  const open = image.books.hasRuns ? viewOf(image).runs.find((run) => run.signalId === signalId) : undefined;
  if (open === undefined) return undefined;
  const { name, status, problem } = open;
  return { signalId, name, status, ...(problem === undefined ? {} : { problem }) };
}
