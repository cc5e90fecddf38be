/**
 * The types of the programming model: how contracts, models, handlers and messages relate. Types only, and the one file in which
 * `any` is allowed: it stands in constraints, never in what a user sees.
 *
 * Invariants:
 * T1. Types flow from contract to model to behaviour and never back, so entities may call each other and themselves.
 * T2. A wrong name, payload, code, timer or result does not compile (test/types/negative.ts lists the mistakes).
 * T3. The schema's own type is forgotten after inference: four plain types per message remain.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';

// ── small words ──

type Unit = 'ms' | 'second' | 'seconds' | 'minute' | 'minutes' | 'hour' | 'hours' | 'day' | 'days' | 'week' | 'weeks';
/** `'30 days'`, or a number of milliseconds. An absolute time is always a Date, so the two never mix. */
export type Duration = `${number} ${Unit}` | number;
/** Any schema of the Standard Schema specification (zod, valibot, arktype …). Must validate synchronously. */
export type Schema<I = unknown, O = I> = StandardSchemaV1<I, O>;
type In<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferInput<S> : never;
type Out<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : never;
/** `{}` payloads may be left out at the call. */
export type Args<I> = 0 extends 1 & I ? [input: I] : [I] extends [void] ? [] : Record<never, never> extends I ? [input?: I] : [input: I];
type Empty = Record<never, never>;
export type NoInput = Schema<Empty>;
export type NoOutput = Schema<void>;

// ── messages ──

declare const kindBrand: unique symbol;
declare const resultBrand: unique symbol;
export interface Address {
  readonly type: string;
  readonly id: string;
}
/** What travels: plain data, the same four fields on Kafka, over HTTP and in a stream. */
export interface Envelope extends Address {
  readonly name: string;
  readonly payload: unknown;
}
interface Typed<K extends string, O> {
  readonly [kindBrand]?: K | undefined;
  readonly [resultBrand]?: { readonly out: O } | undefined;
}
export interface SignalMessage<O = unknown> extends Envelope, Typed<'signal', O> {}
export interface QueryMessage<O = unknown> extends Envelope, Typed<'query', O> {}
/** An activity with its input. */
export interface Task<O = unknown> extends Typed<'task', O> {
  readonly activity: string;
  readonly input: unknown;
}
export type Callable<O> = Task<O> | SignalMessage<O> | QueryMessage<O>;

// ── contract ──

/** SI: what the sender writes. HI: what the handler gets. HO: what the handler returns. SO: what the sender gets. */
export interface Signal<SI, HI, HO, SO> {
  readonly kind: 'signal';
  readonly types?: { si: SI; hi: HI; ho: HO; so: SO } | undefined;
}
export interface Query<SI, HI, HO, SO> {
  readonly kind: 'query';
  readonly types?: { si: SI; hi: HI; ho: HO; so: SO } | undefined;
}
export interface SignalSpec<I, O> {
  readonly input?: I;
  readonly output?: O;
  /** Accepted once in the entity's life; sent again, it answers with the first run's outcome. Makes a workflow. */
  readonly once?: boolean;
}
export interface QuerySpec<I, O> {
  readonly input?: I;
  readonly output: O;
}
export type SignalOf<I, O> = Signal<In<I>, Out<I>, In<O>, Out<O>>;
export type QueryOf<I, O> = Query<In<I>, Out<I>, In<O>, Out<O>>;

export type AnySignal = Signal<any, any, any, any>;
export type AnyQuery = Query<any, any, any, any>;
export type Declarations = Readonly<Record<string, AnySignal | AnyQuery>>;
type KeysOf<D, Kind> = { [K in keyof D]: D[K] extends Kind ? K : never }[keyof D];

export type MessagesOf<D> = {
  readonly [K in keyof D]: D[K] extends Signal<infer SI, any, any, infer SO>
    ? (...input: Args<SI>) => SignalMessage<SO>
    : D[K] extends Query<infer SI, any, any, infer SO>
      ? (...input: Args<SI>) => QueryMessage<SO>
      : never;
};

/** A business "no": final for its message. Thrown by handlers with `throw Cart.reject('cart-closed')`. */
export interface RejectionOf<C extends string> extends Error {
  readonly code: C;
  readonly details: unknown;
  readonly by: string;
}

/** What the world may know of an entity. Call it with an id to make messages: `Cart('42').addItem({ … })`. */
export interface Entity<D extends Declarations, Code extends string> {
  (id: string): MessagesOf<D>;
  readonly type: string;
  readonly declarations: D;
  readonly rejects: readonly Code[];
  /** Makes the rejection to throw: `throw Cart.reject('cart-closed')`, so that control flow narrows. `details` is plain data. */
  reject(code: Code, details?: unknown): RejectionOf<Code>;
  /** In a catch: was it this entity that said no, with one of these codes (any, if none is given)? */
  rejected<K extends Code = Code>(error: unknown, ...codes: readonly K[]): error is RejectionOf<K>;
  /** How state follows from events. Reducers are pure and return the next state; their second parameter declares the payload. */
  fold<S, R extends Reducers<NoInfer<S>>, T extends string = never>(
    initial: (id: string) => S,
    reducers: R & Exact<S, R>,
    options?: { readonly timers?: readonly T[] },
  ): Model<D, Code, S, { [K in keyof R]: PayloadOf<R[K]> }, T>;
}

// ── fold ──

type Reducers<S> = Readonly<Record<string, (state: S, event: never) => S>>;
type PayloadOf<F> = F extends (state: never, ...rest: infer A) => unknown ? (A extends [infer P, ...unknown[]] ? P : void) : never;
type AllKeys<T> = T extends unknown ? keyof T : never;
/** A list has its methods, and those of a mutable one are more: only fields of objects are compared. */
type Extra<S, N> = [S] extends [readonly unknown[]] ? never : string extends AllKeys<S> ? never : Exclude<AllKeys<N>, AllKeys<S>>;
/** Catches `{ ...s, stauts: 'open' }`, which plain assignability lets through. */
export type Exact<S, R> = {
  [K in keyof R]: R[K] extends (...a: never) => infer N
    ? [Extra<S, N>] extends [never]
      ? unknown
      : `state has no field '${Extra<S, N> & string}'`
    : unknown;
};
/** The steps from an event's first payload to its newest; made by `upcast`. */
export interface Upcast<Newest> {
  readonly steps: readonly ((older: never) => unknown)[];
  readonly newest?: { to: Newest } | undefined;
}

export interface Model<D extends Declarations, Code extends string, S, E, T extends string> {
  readonly entity: Entity<D, Code>;
  readonly types?: { readonly state: S; readonly events: E; readonly timers: T } | undefined;
  /** How the entity behaves. A section is required exactly when it has keys. */
  implement(behaviour: Behaviour<D, Code, S, E, T>): Implementation<D, S, E>;
}
type AnyModel = Model<any, any, any, any, any>;
/** What the host registers. */
export interface Implementation<D extends Declarations, S, E> {
  readonly entity: Entity<D, any>;
  readonly folded?: { readonly state: S; readonly events: E } | undefined;
}
export type AnyImplementation = Implementation<any, any, any>;
/** The union of an entity's events, `{ type, data }`. */
export type EventOf<X> = X extends { readonly folded?: { readonly events: infer E } | undefined }
  ? { [K in keyof E & string]: RecordedEvent<K, E[K]> }[keyof E & string]
  : never;
/** The state of an entity. */
export type StateOf<X> = X extends { readonly folded?: { readonly state: infer S } | undefined } ? S : never;
type RecordedEvent<K, P> = [P] extends [void] ? { readonly type: K; readonly data?: undefined } : { readonly type: K; readonly data: P };

// ── behaviour ──

/** Not `void`: a function type returning exactly `void` would accept an async function. */
type Returns<O> = [O] extends [void] ? void | undefined : O;
type Sync<C, A extends unknown[], O> = (turn: C, ...input: A) => Returns<O>;
declare const durableBrand: unique symbol;
export interface Durable<C, A extends unknown[], O> {
  readonly [durableBrand]: { readonly handler: (run: C, ...input: A) => Promise<O> };
}
type Handler<D extends Declarations, Code extends string, S, E, T extends string, A extends unknown[], O> =
  | Sync<Turn<Model<D, Code, S, E, T>>, A, O>
  | Durable<Run<Model<D, Code, S, E, T>>, A, [O] extends [void] ? void : O>;
type SignalHandlers<D extends Declarations, Code extends string, S, E, T extends string> = {
  readonly [K in keyof D as D[K] extends AnySignal ? K : never]: D[K] extends Signal<any, infer HI, infer HO, any>
    ? Handler<D, Code, S, E, T, [input: HI], HO>
    : never;
};
type TimerHandlers<D extends Declarations, Code extends string, S, E, T extends string> = {
  readonly [K in T]: Handler<D, Code, S, E, T, [key: string], void>;
};
type QueryHandlers<D extends Declarations, S> = {
  readonly [K in keyof D as D[K] extends AnyQuery ? K : never]: D[K] extends Query<any, infer HI, infer HO, any>
    ? (state: S, input: HI) => HO
    : never;
};
/** A section may be left out exactly when it would be empty. */
type Section<Name extends string, H> = [keyof H] extends [never] ? { readonly [N in Name]?: H } : { readonly [N in Name]: H };
export type Behaviour<D extends Declarations, Code extends string, S, E, T extends string> = Section<
  'signals',
  SignalHandlers<D, Code, S, E, T>
> &
  Section<'timers', TimerHandlers<D, Code, S, E, T>> &
  Section<'queries', QueryHandlers<D, S>> & {
    /** Old payload to newest payload; the version written is the number of steps plus one. */
    readonly upcast?: { readonly [K in keyof E]?: Upcast<E[K]> };
    readonly options?: EntityOptions;
  };
export interface EntityOptions {
  /** Raised whenever reducers, upcasters or the state's shape change; snapshots of another version are not used. Default 1. */
  readonly stateVersion?: number;
  /** Least number of records between snapshots (default 200). */
  readonly snapshotEvery?: number;
  /** Idle time after which the entity leaves memory (default 5 minutes). */
  readonly passivateAfter?: Duration;
}

// ── what a handler may do ──

type D_<M> = M extends Model<infer D, any, any, any, any> ? D : never;
type S_<M> = M extends Model<any, any, infer S, any, any> ? S : never;
type E_<M> = M extends Model<any, any, any, infer E, any> ? E : never;
type T_<M> = M extends Model<any, any, any, any, infer T> ? T : never;

export interface Meta {
  readonly signalId: string;
  readonly correlationId: string;
  readonly baggage: Readonly<Record<string, string>>;
  /** W3C trace parent of whoever sent it; absent without one. */
  readonly traceparent?: string;
}

/** One atomic step: what every handler has. Nothing here returns a promise. */
export interface Turn<M extends AnyModel> {
  readonly id: string;
  readonly meta: Meta;
  /** A call, not a property: TypeScript would keep a property narrowed across `emit` and `await`. */
  state(): S_<M>;
  readonly emit: { readonly [K in keyof E_<M>]: (...data: Args<E_<M>[K]>) => void };
  readonly timers: { readonly [K in T_<M>]: Timer };
  /** Sends a signal to another entity (or this one), in order, exactly once; nobody waits for it. */
  send(message: SignalMessage): void;
  /** Cancels the open runs of a signal; each sees CancelledError once, at the first await that loses nothing. */
  cancel(signal: KeysOf<D_<M>, AnySignal>): void;
  /** Logs a line, once: silent when the handler is executed again. */
  log(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Turn time in milliseconds since 1970. */
  now(): number;
  /** 0 <= x < 1, the same again on replay. */
  random(): number;
  /** A random UUID (version 4), the same again on replay. */
  uuid(): string;
}
export interface Timer {
  /** Set again, it is re-armed. A key makes one timer per thing: one per reservation, say. */
  set(due: Duration | Date, key?: string): void;
  clear(key?: string): void;
}
export interface Timeout {
  readonly timeout: Duration | Date;
}

/** A turn that can wait: what a durable handler has. */
export interface Run<M extends AnyModel> extends Turn<M> {
  /** An activity, a signal of another entity as an update, or a query; awaited. */
  call<O>(what: Callable<O>): Promise<O>;
  sleep(until: Duration | Date): Promise<void>;
  /** Resolves with the state that satisfied the predicate. */
  until<N extends S_<M>>(predicate: (state: S_<M>) => state is N): Promise<N>;
  until<N extends S_<M>>(predicate: (state: S_<M>) => state is N, limit: Timeout): Promise<N | undefined>;
  until(predicate: (state: S_<M>) => boolean): Promise<S_<M>>;
  until(predicate: (state: S_<M>) => boolean, limit: Timeout): Promise<S_<M> | undefined>;
  callback<O extends Schema>(spec: { readonly output: O }): Callback<Out<O>>;
  callback<O extends Schema>(spec: { readonly output: O } & Timeout): Callback<Out<O> | undefined>;
  map<X, O>(items: Iterable<X>, work: (item: X, index: number) => Promise<O>, options?: { readonly concurrency?: number }): Promise<O[]>;
  /** If the body throws: its open calls settle, what was registered with `compensate` is called, last first, and it throws on. */
  saga<O>(body: (saga: Saga<M>) => Promise<O>): Promise<O>;
  /** False for runs that had passed this line before it was deployed, true for all others. */
  patched(change: string): boolean;
}
/** The scope of a saga: a run whose calls are settled before anything is undone. */
export interface Saga<M extends AnyModel> extends Run<M> {
  compensate(step: Callable<unknown>): void;
}
export interface Callback<O> extends Promise<O> {
  readonly token: string;
}

// ── activities ──

export interface Retry {
  readonly initial?: Duration;
  readonly factor?: number;
  readonly max?: Duration;
  readonly attempts?: number;
}
export interface ActivityOptions {
  readonly retry?: Retry;
  /** One attempt. */
  readonly timeout?: Duration;
  /** All attempts and the waits between them. */
  readonly deadline?: Duration;
  readonly heartbeat?: Duration;
}
export interface ActivityInfo {
  /** Aborted when the attempt is of no use any more: its run was cancelled, or its time is up. */
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
  /** The same for every attempt of this call, whatever crashes; 22 characters fit for a header. */
  readonly idempotencyKey: string;
  readonly meta: Meta;
  /** Says that the attempt is alive, and how far it is. Throws `payload-not-plain`, `payload-too-large`; nothing after an abort. */
  heartbeat(progress?: unknown): void;
  /** The last progress that an earlier attempt told, undefined if none did. */
  readonly lastHeartbeat: unknown;
}
/** The declaration of an activity; call it to make a task. What it does is registered apart, with its dependencies. */
export interface Activity<SI, HI, HO, SO, Code extends string> {
  (...input: Args<SI>): Task<SO>;
  readonly activity: string;
  /** The same activity with other options, for one call. */
  with(options: ActivityOptions): Activity<SI, HI, HO, SO, Code>;
  /** A rejection is final; any other error is tried again. */
  reject(code: Code, details?: unknown): RejectionOf<Code>;
  rejected<K extends Code = Code>(error: unknown, ...codes: readonly K[]): error is RejectionOf<K>;
  implement(work: (input: HI, info: ActivityInfo) => HO | Promise<HO>, limits?: ActivityLimits): ActivityImplementation;
}
/** How much of an activity one node does at once. */
export interface ActivityLimits {
  /** Attempts that run at the same time. */
  readonly concurrency?: number;
  /** Attempts that start in a second. */
  readonly ratePerSecond?: number;
}
export interface ActivitySpec<I, O, C> extends ActivityOptions {
  readonly input?: I;
  readonly output?: O;
  readonly rejects?: C;
}
export type ActivityOf<I, O, Code extends string> = Activity<In<I>, Out<I>, In<O>, Out<O>, Code>;
export interface ActivityImplementation {
  readonly activity: string;
  readonly work: unknown;
  readonly limits: ActivityLimits;
}

// ── projections ──

export interface EventMeta extends Meta {
  /** Id of the entity. */
  readonly id: string;
  readonly revision: number;
  readonly position: string;
  /** Turn time, milliseconds since 1970. */
  readonly time: number;
}
type Path<R> = keyof R & string;
export interface Projection<R, X extends string> {
  readonly name: string;
  readonly row?: { readonly of: R; readonly index: X } | undefined;
  /** Adds a source: reducers of the row by event type, and the key(s) of the row(s) an event concerns (default: the entity's id). */
  from<I extends AnyImplementation>(source: I, on: On<I, R>, key?: KeyOf<I>): Projection<R, X>;
}
type EventsOf<I> = I extends { readonly folded?: { readonly events: infer E } | undefined } ? E : never;
type On<I, R> = {
  readonly [K in keyof EventsOf<I>]?: (
    row: R | undefined,
    event: EventsOf<I>[K],
    meta: EventMeta & { readonly key: string },
  ) => R | undefined;
};
type KeyOf<I> = (event: EventOf<I>, meta: EventMeta) => string | readonly string[] | undefined;
export type AnyProjection = Projection<any, any>;
export interface ProjectionSpec<R, X> {
  readonly row: R;
  /** Raised whenever the reducers or indexes change; the projection is then built anew. */
  readonly version: number;
  readonly indexes?: X;
}
export type RowFields<R> = readonly Path<Out<R>>[];
export type RowOf<R> = Out<R>;

// ── erased forms, for the modules that make these values ──

export type AnyEntity = Entity<any, any>;
export type AnyErasedModel = AnyModel;
export type AnyActivity = Activity<any, any, any, any, any>;
/** A schema whose types nobody knows any more. */
export type AnySchema = StandardSchemaV1<any, any>;
/** The messages of an entity nobody knows the type of. */
export type AnyMessages = MessagesOf<any>;
/** What a durable handler is to the engine. */
export type AnyDurableHandler = (run: any, ...input: any[]) => Promise<unknown>;
