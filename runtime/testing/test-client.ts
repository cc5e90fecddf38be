import { Positions } from '../client/positions.ts';
import type { BatchFailure, BatchOptions, Client, QueryOptions, Rows, RunStatus, SendOptions, Sent, WaitOptions } from '../client/types.ts';
import type { Answer } from '../core/answer.ts';
import type { Address, Envelope, Projection, QueryMessage, SignalMessage } from '../core/definition/types.ts';
import { errorText, isPerdureError, PerdureError } from '../core/errors.ts';
import { isRejection, Rejection } from '../core/rejection.ts';
import type { TokenWriter } from '../core/token.ts';
import type { RunView } from '../host/surface.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { Mishaps } from './mishaps.ts';
import type { Pace } from './pace.ts';
import type { Dice } from './simulation/dice.ts';
import type { TestNode } from './test-node.ts';
import { type RowsParts, testRows } from './test-rows.ts';
import { waitOf } from './verb.ts';
import { checkEntityId, checkSignalId, overTheWire } from './wire.ts';

export interface TestClientParts extends RowsParts {
  readonly pace: Pace;
  readonly dice: Dice;
  readonly tokens: TokenWriter;
  readonly mishaps: Mishaps;
}

/** Signals of one list that are on their way at once. */
const LIST_PART = 1_000;

/**
 * The client of the test runtime: the verbs of the real one, on the node in memory.
 *
 * Invariants:
 * C1. Payloads and results are what JSON makes of them, as over HTTP.
 * C2. `update` and `outcome` skip time; the other verbs do not. Where no time-out is given, an update waits as long as anything is due.
 * C3. A defect is thrown as it was thrown, by the verb that ran into it.
 */
export class TestClient implements Client {
  readonly #parts: TestClientParts;
  readonly #positions: Positions;

  constructor(parts: TestClientParts, positions = new Positions()) {
    this.#parts = parts;
    this.#positions = positions;
  }

  get position(): string | undefined {
    return this.#positions.text;
  }

  session(position?: string): Client {
    return new TestClient(this.#parts, new Positions(position));
  }

  signal<O>(message: SignalMessage<O>, options?: SendOptions): Promise<Sent<O>>;
  signal(messages: readonly SignalMessage[], options?: BatchOptions): Promise<readonly Sent<unknown>[]>;
  async signal(what: SignalMessage | readonly SignalMessage[], options: SendOptions & BatchOptions = {}): Promise<unknown> {
    return isList(what) ? this.#list(what, options) : this.#one(what, options);
  }

  async #one(message: Envelope, options: SendOptions): Promise<Sent<unknown>> {
    const { type, id, name } = message;
    const { answer, signalId } = await this.#deliver('signal', message, options);
    return { type, id, name, signalId, position: this.#learnt(type, answer.position) };
  }

  async #list(messages: readonly SignalMessage[], { ids, ...options }: BatchOptions): Promise<readonly Sent<unknown>[]> {
    if (ids !== undefined && ids.length !== messages.length)
      throw new PerdureError('malformed-request', `there are ${messages.length} messages and ${ids.length} ids`);
    const signalIds = messages.map((_message, n) => ids?.[n] ?? this.#parts.dice.id());
    const settled: PromiseSettledResult<Sent<unknown>>[] = [];
    for (let from = 0; from < messages.length; from += LIST_PART) {
      const part = messages.slice(from, from + LIST_PART);
      const sending = part.map((message, n) => this.#one(message, { ...options, id: signalIds[from + n] ?? '' }));
      settled.push(...(await Promise.allSettled(sending)));
    }
    const first = settled.find((one) => one.status === 'rejected');
    if (first !== undefined) throw listFailed(first.reason, signalIds, settled);
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  async update<O>(message: SignalMessage<O>, options: SendOptions = {}): Promise<O> {
    const { answer } = await this.#deliver('update', message, options);
    this.#learnt(message.type, answer.position);
    return overTheWire(answer.result ?? null, 'result') as O;
  }

  /** Hands a message over, again after a crash. Throws what it is answered with, unless that is `done`. */
  async #deliver(verb: 'signal' | 'update', message: Envelope, options: SendOptions): Promise<{ answer: Done; signalId: string }> {
    const { type, id, name } = message;
    const signalId = options.id ?? this.#parts.dice.id();
    checkEntityId(id);
    checkSignalId(signalId);
    const payload = overTheWire(message.payload, 'payload');
    const wants = verb === 'signal' ? 'durability' : 'outcome';
    let delivery: Delivery | undefined;
    const answer = await this.#parts.pace.perform<Done>({
      what: `${verb} ${type}/${id}.${name}`,
      skipsTime: verb === 'update',
      ...waitOf(options),
      ask: async ({ host }) => {
        const given = await new Promise<Answer>((done) => {
          delivery = deliveryOf({ type, id, name, payload }, { wants, signalId, done });
          host.deliver(delivery);
        });
        return this.#done(message, given);
      },
      timeUp: ({ host }) => {
        const code = delivery !== undefined && host.withdraw(delivery) ? 'withdrawn' : 'update-timeout';
        throw new PerdureError(code, undefined, { signalId });
      },
    });
    return { answer, signalId };
  }

  #done({ type, id }: Address, answer: Answer): Done {
    if (answer.kind === 'done') return answer;
    if (answer.kind === 'rejected') {
      this.#learnt(type, answer.position);
      throw new Rejection(answer.code, overTheWire(answer.details, 'details'), answer.by, answer.message);
    }
    throw this.#failure({ type, id }, answer);
  }

  /** A defect is told as it was thrown (C3). */
  #failure(of: Address, { code, message, details }: Failure): unknown {
    return this.#parts.mishaps.original(of, new PerdureError(code, message, details));
  }

  async query<O>({ type, id, name, payload }: QueryMessage<O>, options: QueryOptions = {}): Promise<O> {
    checkEntityId(id);
    const input = overTheWire(payload, 'payload');
    const answer = await this.#parts.pace.perform<Done>({
      what: `query ${type}/${id}.${name}`,
      skipsTime: false,
      ...waitOf(options),
      ask: async ({ host }) => {
        const strong = options.consistency === 'strong';
        const given = await new Promise<Answer>((done) => host.query({ type, id, name, input, strong }, done));
        return this.#done({ type, id }, given);
      },
    });
    this.#learnt(type, answer.position);
    return overTheWire(answer.result ?? null, 'result') as O;
  }

  outcome<O>(sent: Sent<O>, options: WaitOptions = {}): Promise<O> {
    const { type, id, name, signalId } = sent;
    return this.#parts.pace.perform<O>({
      what: `outcome of ${type}/${id}.${name} (${signalId})`,
      skipsTime: true,
      ...waitOf(options),
      ask: async (node) => this.#outcome(sent, await this.#ended(node, sent)) as O,
      timeUp: () => {
        throw new PerdureError('update-timeout', undefined, { signalId });
      },
    });
  }

  async #ended({ host }: TestNode, { type, id, signalId }: Sent<unknown>): Promise<RunView> {
    for (;;) {
      const run = await host.run(type, id, signalId);
      if (!OPEN.has(run.status)) return run;
      await this.#parts.pace.changed();
    }
  }

  #outcome({ type, id }: Address, run: RunView): unknown {
    if (run.status === 'completed') return overTheWire(run.result ?? null, 'result');
    const { code, message, details } = run.problem ?? {
      code: run.status === 'cancelled' ? 'cancelled' : 'defect',
      message: `the run is ${run.status}`,
    };
    if (run.status === 'rejected') throw new Rejection(code, overTheWire(details, 'details'), `${type}/${id}`, message);
    throw this.#failure({ type, id }, { code: code as Failure['code'], message, details });
  }

  async status({ type, id, signalId }: Sent<unknown>): Promise<RunStatus> {
    const run = await this.#parts.pace.perform({
      what: `status of ${type}/${id} (${signalId})`,
      skipsTime: false,
      ask: ({ host }) => host.run(type, id, signalId),
    });
    return run.status;
  }

  rows<R, X extends string>(projection: Projection<R, X>): Rows<R, X> {
    return testRows<R, X>(projection.name, this.#parts);
  }

  #learnt(type: string, position: number): string {
    const token = this.#parts.tokens.write(type, position);
    this.#positions.learn(token);
    return token;
  }
}

type Done = Extract<Answer, { kind: 'done' }>;
type Failure = Omit<Extract<Answer, { kind: 'failed' }>, 'kind'>;

const OPEN: ReadonlySet<string> = new Set(['queued', 'held', 'running']);

function deliveryOf(message: Envelope, { wants, signalId, done }: Pick<Delivery, 'wants' | 'signalId' | 'done'>): Delivery {
  const { type, id, name, payload } = message;
  const known = { idChosen: true, mark: undefined, context: undefined, bytes: 0, state: 'waiting' } as const;
  return { kind: 'signal', type, id, name, payload, wants, signalId, done, ...known };
}

/** The error of a list: the first one's, with what failed and what was sent. */
function listFailed(first: unknown, signalIds: readonly string[], settled: readonly PromiseSettledResult<Sent<unknown>>[]): unknown {
  if (!isPerdureError(first) && !isRejection(first)) return first;
  const failures = settled.flatMap((one, index) => {
    if (one.status === 'fulfilled') return [];
    const { reason } = one;
    const code = isPerdureError(reason) || isRejection(reason) ? reason.code : 'defect';
    return [{ index, code, message: errorText(reason), signalId: signalIds[index] ?? '' }];
  });
  const sent = settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
  const details: BatchFailure = { failures, sent };
  const message = `${failures.length} of ${settled.length} signals failed; the first: ${first.message}`;
  if (isRejection(first)) return new Rejection(first.code, details, first.by, message);
  return new PerdureError(first.code as Failure['code'], message, details);
}

function isList(what: SignalMessage | readonly SignalMessage[]): what is readonly SignalMessage[] {
  return Array.isArray(what);
}
