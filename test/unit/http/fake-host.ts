import { z } from 'zod';
import type { Answer } from '../../../runtime/core/answer.ts';
import { definitionOf, entity } from '../../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { query, signal, typed } from '../../../runtime/core/definition/message.ts';
import { PerdureError } from '../../../runtime/core/errors.ts';
import { isRejection } from '../../../runtime/core/rejection.ts';
import { validate } from '../../../runtime/core/schema.ts';
import type {
  AdminRequest,
  CallbackRequest,
  CallbackView,
  EntityView,
  HistoryPage,
  HostMetrics,
  HostStatus,
  HostSurface,
  QueryRequest,
  RunView,
} from '../../../runtime/host/surface.ts';
import type { Delivery } from '../../../runtime/ports/signal-bus.ts';
import { errand, FakeCallbacks, FakeRuns } from './fake-runs.ts';

/** A contract with what the edge has to translate: payloads, results, rejections, a query, a signal without a payload. */
export const Tally = entity(
  'tally',
  {
    add: signal({ input: z.object({ amount: z.int() }), output: z.object({ total: z.int() }) }),
    reset: signal(),
    echo: signal({ input: typed<unknown>(), output: typed<unknown>() }),
    total: query({ input: z.object({ times: z.coerce.number<number | string>().default(1) }), output: z.int() }),
    seen: query({ input: typed<unknown>(), output: typed<unknown>() }),
  },
  { rejects: ['too-much'] },
);
export const tally = Tally.fold((): { total: number } => ({ total: 0 }), {
  Added: (s, e: { amount: number }) => ({ total: s.total + e.amount }),
}).implement({
  signals: {
    add(turn, { amount }) {
      if (amount > 1_000) throw Tally.reject('too-much', { most: 1_000 });
      turn.emit.Added({ amount });
      return { total: turn.state().total };
    },
    reset() {},
    echo: (_turn, input) => input,
  },
  queries: { total: (state, { times }) => state.total * times, seen: (_state, input) => input },
});

interface Kept {
  total: number;
  readonly records: { type: string; data: unknown; position: number; signalId: string }[];
}

/**
 * A host of tallies in memory that keeps the promises of HostSurface which the edge relies on: `done` once and from a later tick, for many
 * deliveries at once; ids chosen by senders take effect once; withdrawn means never. Everything it was given is in `delivered`.
 */
export class FakeHost implements HostSurface {
  readonly storeId = 'store-1';
  readonly definitions: ReadonlyMap<string, EntityDefinition> = new Map([
    ['tally', definitionOf(tally)],
    ['errand', errand],
  ]);
  readonly delivered: Delivery[] = [];
  readonly withdrawn: Delivery[] = [];
  readonly asked: AdminRequest[] = [];
  readonly runs = new FakeRuns();
  readonly callbacks = new FakeCallbacks();
  /** While true nothing is taken from the mailboxes. */
  holds = false;
  /** While true what was taken is not answered. */
  keeps = false;
  /** Answers every delivery with this instead of handling it. */
  answersWith: Answer | undefined;
  state: HostStatus = { state: 'running', reasons: [] };
  #waiting: Delivery[] = [];
  #isTickDue = false;
  #position = 100;
  readonly #entities = new Map<string, Kept>();
  readonly #window = new Map<string, Answer>();

  deliver(delivery: Delivery): void {
    this.delivered.push(delivery);
    this.#waiting.push(delivery);
    this.#tickSoon();
  }

  withdraw(delivery: Delivery): boolean {
    this.withdrawn.push(delivery);
    if (delivery.state !== 'waiting') return false;
    this.#waiting = this.#waiting.filter((other) => other !== delivery);
    delivery.state = 'withdrawn';
    return true;
  }

  /** Goes on after `holds` or `keeps`. */
  release(): void {
    this.holds = false;
    this.keeps = false;
    this.#tickSoon();
  }

  query(request: QueryRequest, done: (answer: Answer) => void): void {
    setImmediate(() => {
      if (!this.holds) done(this.#evaluate(request));
    });
  }

  async view(type: string, id: string): Promise<EntityView> {
    const kept = this.#kept(type, id);
    const last = kept.records.at(-1);
    return {
      type,
      id,
      state: { total: kept.total },
      revision: kept.records.length - 1,
      position: last?.position ?? 0,
      runs: [],
      owes: [],
      parked: null,
      paused: null,
    };
  }

  async history(type: string, id: string, from: number, limit: number): Promise<HistoryPage> {
    const { records } = this.#kept(type, id);
    const page = records.slice(from, from + limit);
    const events = page.map(({ type, data, position, signalId }, n) => ({
      revision: from + n,
      position,
      type,
      data,
      metadata: { signalId },
      time: 1,
    }));
    return { events, next: from + limit < records.length ? from + limit : undefined };
  }

  run(type: string, id: string, signalId: string, { waitMs }: { readonly waitMs: number }): Promise<RunView> {
    return this.runs.view(signalId, waitMs, () => {
      const answer = this.#window.get(`${type}/${id}/${signalId}`);
      if (answer?.kind === 'done') return { signalId, name: 'add', status: 'completed', result: answer.result };
      const isOpen = this.delivered.some((d) => d.signalId === signalId && d.state !== 'answered');
      return isOpen ? { signalId, name: 'add', status: 'running' } : undefined;
    });
  }

  callback(request: CallbackRequest): Promise<CallbackView> {
    return this.callbacks.complete(request);
  }

  async admin(request: AdminRequest): Promise<EntityView> {
    this.asked.push(request);
    if (request.verb === 'retry') throw new PerdureError('not-parked');
    if (request.run === 'unknown') throw new PerdureError('unknown-run');
    return this.view(request.type, request.id);
  }

  status(): HostStatus {
    return this.state;
  }

  metrics(): HostMetrics {
    return { counters: { handled: this.delivered.length, 'sends{type="tally"}': 3 }, gauges: { entitiesInMemory: this.#entities.size } };
  }

  #kept(type: string, id: string): Kept {
    const kept = this.#entities.get(`${type}/${id}`);
    if (kept === undefined) throw new PerdureError('not-found');
    return kept;
  }

  #tickSoon(): void {
    if (this.#isTickDue) return;
    this.#isTickDue = true;
    setImmediate(() => {
      this.#isTickDue = false;
      if (!this.holds) this.#tick();
    });
  }

  #tick(): void {
    for (const delivery of this.#waiting) if (delivery.state === 'waiting') delivery.state = 'taken';
    if (this.keeps) return;
    const taken = this.#waiting;
    this.#waiting = [];
    for (const delivery of taken) {
      delivery.state = 'answered';
      const answer = this.#handle(delivery);
      if (!this.withdrawn.includes(delivery)) delivery.done(answer, delivery);
    }
    this.runs.tell();
  }

  #handle(delivery: Delivery): Answer {
    if (this.answersWith !== undefined) return this.answersWith;
    const { type, id, name, signalId } = delivery;
    const declaration = this.definitions.get(type)?.declarations.get(name);
    if (!this.definitions.has(type))
      return { kind: 'failed', code: 'unknown-entity-type', message: `no entity of type ${type} is registered` };
    if (declaration?.kind !== 'signal') return { kind: 'failed', code: 'unknown-signal', message: `${type} declares no signal ${name}` };
    const known = this.#window.get(`${type}/${id}/${signalId}`);
    if (known?.kind === 'done') return { ...known, repeated: true };
    const checked = validate(declaration.input, delivery.payload);
    if (!checked.ok) return { kind: 'failed', code: 'invalid-payload', message: 'the payload does not fit', details: checked.issues };
    const answer = this.#change(delivery, checked.value);
    if (delivery.idChosen) this.#window.set(`${type}/${id}/${signalId}`, answer);
    return answer;
  }

  #change(delivery: Delivery, input: unknown): Answer {
    const { type, id, name, signalId } = delivery;
    const kept = this.#entities.get(`${type}/${id}`) ?? { total: 0, records: [] };
    const { amount = 0 } = (input ?? {}) as { amount?: number };
    if (amount > 1_000) {
      const no = Tally.reject('too-much', { most: 1_000 });
      if (!isRejection(no)) throw no;
      return { kind: 'rejected', code: no.code, details: no.details, by: no.by, message: no.message, position: this.#position };
    }
    this.#entities.set(`${type}/${id}`, kept);
    kept.total += amount;
    this.#position += 1;
    kept.records.push({ type: 'Added', data: { amount }, position: this.#position, signalId });
    const result = name === 'add' ? { total: kept.total } : name === 'echo' ? input : undefined;
    return { kind: 'done', result, revision: kept.records.length - 1, position: this.#position, repeated: false };
  }

  #evaluate({ type, id, name, input }: QueryRequest): Answer {
    const declaration = this.definitions.get(type)?.declarations.get(name);
    if (declaration?.kind !== 'query') return { kind: 'failed', code: 'unknown-query', message: `${type} declares no query ${name}` };
    const checked = validate(declaration.input, input);
    if (!checked.ok) return { kind: 'failed', code: 'invalid-payload', message: 'the input does not fit', details: checked.issues };
    const state = { total: this.#entities.get(`${type}/${id}`)?.total ?? 0 };
    const result = this.definitions.get(type)?.queries.get(name)?.(state, checked.value);
    return { kind: 'done', result, revision: 0, position: this.#position, repeated: false };
  }
}
