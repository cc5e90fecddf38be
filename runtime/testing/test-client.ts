import { isOpen } from '../client/outcome.ts';
import { Positions } from '../client/positions.ts';
import type {
  BatchOptions,
  Client,
  Completed,
  Completion,
  QueryOptions,
  Rows,
  RunStatus,
  SendOptions,
  Sent,
  WaitOptions,
} from '../client/types.ts';
import type { Answer } from '../core/answer.ts';
import type { Address, Envelope, Projection, QueryMessage, SignalMessage } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';
import type { TokenWriter } from '../core/token.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import { type Done, doneOf, outcomeOf } from './answers.ts';
import type { Mishaps } from './mishaps.ts';
import type { Pace } from './pace.ts';
import type { Dice } from './simulation/dice.ts';
import { sendList } from './test-list.ts';
import { type RowsParts, testRows } from './test-rows.ts';
import { waitOf } from './verb.ts';
import { checkEntityId, checkSignalId, overTheWire } from './wire.ts';

export interface TestClientParts extends RowsParts {
  readonly pace: Pace;
  readonly dice: Dice;
  readonly tokens: TokenWriter;
  readonly mishaps: Mishaps;
}

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
    if (!isList(what)) return this.#one(what, options);
    const { dice } = this.#parts;
    return sendList(what, options, { sendOne: (message, own) => this.#one(message, own), makeId: () => dice.id() });
  }

  async #one(message: Envelope, options: SendOptions): Promise<Sent<unknown>> {
    const { type, id, name } = message;
    const { position, signalId, first = signalId } = await this.#deliver('signal', message, options);
    return { type, id, name, signalId: first, position };
  }

  async update<O>(message: SignalMessage<O>, options: SendOptions = {}): Promise<O> {
    const { result } = await this.#deliver('update', message, options);
    return result as O;
  }

  /** Hands a message over, again after a crash. Throws what it is answered with, unless that is `done`. */
  async #deliver(verb: 'signal' | 'update', message: Envelope, options: SendOptions): Promise<Settled & { signalId: string }> {
    const { type, id, name } = message;
    const signalId = options.id ?? this.#parts.dice.id();
    checkEntityId(id);
    checkSignalId(signalId);
    const payload = overTheWire(message.payload, 'payload');
    const wants = verb === 'signal' ? 'durability' : 'outcome';
    let delivery: Delivery | undefined;
    const settled = await this.#parts.pace.perform({
      what: `${verb} ${type}/${id}.${name}`,
      time: verb === 'update' ? 'skips' : 'still',
      ...waitOf(options),
      ask: async ({ host }) => {
        const given = await new Promise<Answer>((done) => {
          delivery = deliveryOf({ type, id, name, payload }, { wants, signalId, done });
          host.deliver(delivery);
        });
        return this.#settled(message, given);
      },
      timeUp: ({ host }) => {
        const code = delivery !== undefined && host.withdraw(delivery) ? 'withdrawn' : 'update-timeout';
        throw new PerdureError(code, undefined, { signalId });
      },
    });
    return { ...settled, signalId };
  }

  async query<O>({ type, id, name, payload }: QueryMessage<O>, options: QueryOptions = {}): Promise<O> {
    checkEntityId(id);
    const input = overTheWire(payload, 'payload');
    const { result } = await this.#parts.pace.perform({
      what: `query ${type}/${id}.${name}`,
      time: 'still',
      ...waitOf(options),
      ask: async ({ host }) => {
        const strong = options.consistency === 'strong';
        const given = await new Promise<Answer>((done) => host.query({ type, id, name, input, strong }, done));
        return this.#settled({ type, id }, given);
      },
    });
    return result as O;
  }

  outcome<O>(sent: Sent<O>, options: WaitOptions = {}): Promise<O> {
    const { type, id, name, signalId } = sent;
    const { mishaps, pace } = this.#parts;
    return pace.perform<O>({
      what: `outcome of ${type}/${id}.${name} (${signalId})`,
      time: 'skips',
      ...waitOf(options),
      ask: async ({ host }) => {
        const look = () => host.run(type, id, signalId, { waitMs: 0 });
        let run = await look();
        for (; isOpen(run); run = await look()) await pace.changed();
        return outcomeOf(sent, run, mishaps) as O;
      },
      timeUp: () => {
        throw new PerdureError('update-timeout', undefined, { signalId });
      },
    });
  }

  async status({ type, id, signalId }: Sent<unknown>): Promise<RunStatus> {
    const run = await this.#parts.pace.perform({
      what: `status of ${type}/${id} (${signalId})`,
      time: 'still',
      ask: ({ host }) => host.run(type, id, signalId, { waitMs: 0 }),
    });
    return run.status;
  }

  async callback(token: string, completion: Completion, options: WaitOptions = {}): Promise<Completed> {
    const outcome = 'error' in completion ? { error: completion.error } : { result: overTheWire(completion.result ?? null, 'result') };
    const { position, ...completed } = await this.#parts.pace.perform({
      what: `callback ${token}`,
      time: 'still',
      ...waitOf(options),
      ask: ({ host }) => host.callback({ token, outcome }),
    });
    this.#positions.learn(this.#parts.tokens.write(completed.type, position));
    return completed;
  }

  rows<R, X extends string>(projection: Projection<R, X>): Rows<R, X> {
    return testRows<R, X>(projection.name, this.#parts);
  }

  #settled(of: Address, answer: Answer): Settled {
    const position = answer.kind === 'failed' ? undefined : this.#parts.tokens.write(of.type, answer.position);
    this.#positions.learn(position ?? null);
    const { result = null, first }: Done = doneOf(of, answer, this.#parts.mishaps);
    return { result: overTheWire(result, 'result'), position, ...(first === undefined ? {} : { first }) };
  }
}

/** What came of a message or a query. */
interface Settled {
  readonly result: unknown;
  /** Its token. */
  readonly position: string | undefined;
  /** Of a `once` signal that was accepted before: its id then. */
  readonly first?: string;
}

function deliveryOf(message: Envelope, { wants, signalId, done }: Pick<Delivery, 'wants' | 'signalId' | 'done'>): Delivery {
  const { type, id, name, payload } = message;
  const known = { idChosen: true, mark: undefined, context: undefined, bytes: 0, state: 'waiting' } as const;
  return { kind: 'signal', type, id, name, payload, wants, signalId, done, ...known };
}

function isList(what: SignalMessage | readonly SignalMessage[]): what is readonly SignalMessage[] {
  return Array.isArray(what);
}
