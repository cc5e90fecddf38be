import type { AnyDurableHandler, AnySchema, Durable, EntityOptions } from './types.ts';

/**
 * The shapes that the engine works with: definitions with their types forgotten.
 */

/** One declared signal or query, as the engine sees it. */
export interface MessageDeclaration {
  readonly kind: 'signal' | 'query';
  readonly input: AnySchema | undefined;
  readonly output: AnySchema | undefined;
  readonly once: boolean;
}

/** What a plain handler is to the engine; its result is checked, not trusted. */
export type PlainHandler = (turn: unknown, input: unknown) => unknown;

/** A handler and the way it runs. */
export type Handler =
  | { readonly mode: 'plain'; readonly run: PlainHandler }
  | { readonly mode: 'durable' | 'serial'; readonly run: AnyDurableHandler };

export type Reducer = (state: unknown, event: unknown) => unknown;
export type QueryHandler = (state: unknown, input: unknown) => unknown;

/** One entity type: contract, model and behaviour in the form the engine runs. */
export interface EntityDefinition {
  readonly type: string;
  readonly declarations: ReadonlyMap<string, MessageDeclaration>;
  readonly rejects: ReadonlySet<string>;
  readonly initial: (id: string) => unknown;
  readonly reducers: ReadonlyMap<string, Reducer>;
  readonly timerNames: ReadonlySet<string>;
  readonly signals: ReadonlyMap<string, Handler>;
  readonly timers: ReadonlyMap<string, Handler>;
  readonly queries: ReadonlyMap<string, QueryHandler>;
  /** Steps per event type; the version written is their number plus one. */
  readonly upcasts: ReadonlyMap<string, readonly ((older: unknown) => unknown)[]>;
  readonly options: EntityOptions;
}

/** One source of a projection, as the projection engine sees it. */
export interface ProjectionSource {
  readonly entity: EntityDefinition;
  readonly reducers: ReadonlyMap<string, (row: unknown, event: unknown, meta: unknown) => unknown>;
  readonly keysOf: ((event: unknown, meta: unknown) => string | readonly string[] | undefined) | undefined;
}

export interface ErasedProjection {
  readonly name: string;
  readonly version: number;
  readonly row: AnySchema;
  readonly indexes: Readonly<Record<string, readonly string[]>>;
  readonly sources: readonly ProjectionSource[];
}

/** Under these keys the public values carry their erased forms; `Symbol.for`, so that two copies of the package agree. */
export const DEFINITION = Symbol.for('perdure.definition');
export const PROJECTION = Symbol.for('perdure.projection');
export const UPCAST = Symbol.for('perdure.upcast');
export const DECLARATION = Symbol.for('perdure.declaration');
export const HANDLER = Symbol.for('perdure.handler');

/** The form that `durable` and `serial` give a handler. */
export interface ErasedDurable {
  readonly [HANDLER]: { readonly mode: 'durable' | 'serial'; readonly run: AnyDurableHandler };
}

/** Reads the erased form under a key; undefined if the value carries none. */
export function carried<T>(value: unknown, key: symbol): T | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  return (value as Record<symbol, T | undefined>)[key];
}

/** Types only: a durable handler carries its erased form. */
export type Carrying<C, A extends unknown[], O> = Durable<C, A, O> & ErasedDurable;
