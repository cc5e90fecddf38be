import { durationMs } from '../duration.ts';
import { PerdureError } from '../errors.ts';
import { ENTITY_TYPE } from '../record.ts';
import { isRejection, Rejection } from '../rejection.ts';
import {
  carried,
  DECLARATION,
  DEFINITION,
  type EntityDefinition,
  type ErasedDurable,
  HANDLER,
  type Handler,
  type MessageDeclaration,
  type PlainHandler,
  type QueryHandler,
  type Reducer,
} from './erased.ts';
import { checkName, onlyKeys } from './message.ts';
import type { AnyEntity, AnyErasedModel, AnyImplementation, AnyMessages, Declarations, Entity, EntityOptions, Upcast } from './types.ts';

/**
 * The contract of an entity: `entity('cart', { addItem: signal({ … }) }, { rejects: ['cart-closed'] })`. Call it with an id to make messages.
 * Throws `invalid-definition` for a type, name or option that is not valid.
 */
export function entity<D extends Declarations, const C extends readonly string[] = readonly []>(
  type: string,
  declarations: D,
  options?: { readonly rejects: C },
): Entity<D, C[number]> {
  return makeEntity(type, declarations, options?.rejects ?? []);
}

/** The erased definition of what `implement` returned. Throws `invalid-definition` for anything else. */
export function definitionOf(implementation: AnyImplementation): EntityDefinition {
  const definition = carried<EntityDefinition>(implementation, DEFINITION);
  if (definition === undefined) {
    throw new PerdureError('invalid-definition', 'not an implementation: pass what `.implement({ … })` returned');
  }
  return definition;
}

/** The declared signals and queries of an entity, by name. */
export function declarationsOf(contract: AnyEntity): ReadonlyMap<string, MessageDeclaration> {
  const all = new Map<string, MessageDeclaration>();
  for (const [name, value] of Object.entries(contract.declarations)) {
    const declaration = carried<MessageDeclaration>(value, DECLARATION);
    if (declaration === undefined) throw new PerdureError('invalid-definition', `${contract.type}.${name} is neither signal() nor query()`);
    all.set(name, declaration);
  }
  return all;
}

function makeEntity(type: string, declarations: Declarations, rejects: readonly string[]): AnyEntity {
  if (!ENTITY_TYPE.test(type)) {
    throw new PerdureError('invalid-definition', `entity type '${type}' must be [a-z][A-Za-z0-9]*, at most 64 characters`);
  }
  const Messages = messagesClass(type, declarations);
  const call = (id: string) => new Messages(id) as AnyMessages;
  const contract = Object.assign(call, {
    type,
    declarations,
    rejects,
    reject: (code: string, details?: unknown) => new Rejection(code, details, type),
    rejected: (error: unknown, ...codes: readonly string[]): error is Rejection => saidNo(error, rejects, codes, type),
    fold: (initial: (id: string) => unknown, reducers: Readonly<Record<string, Reducer>>, options?: { timers?: readonly string[] }) =>
      makeModel(contract, initial, reducers, options?.timers ?? []),
  }) as AnyEntity;
  for (const name of Object.keys(declarations)) checkName(`message of ${type}`, name);
  declarationsOf(contract);
  return contract;
}

/** One class per entity, so that `Cart('42')` is one small allocation and its messages are methods. */
function messagesClass(type: string, declarations: Declarations) {
  class Messages {
    readonly [message: string]: unknown;
    readonly #id: string;
    constructor(id: string) {
      this.#id = id;
    }
    static envelope(messages: Messages, name: string, payload: unknown) {
      return { type, id: messages.#id, name, payload: payload === undefined ? {} : payload };
    }
  }
  for (const name of Object.keys(declarations)) {
    Object.defineProperty(Messages.prototype, name, {
      value(this: Messages, payload?: unknown) {
        return Messages.envelope(this, name, payload);
      },
    });
  }
  return Messages;
}

function saidNo(error: unknown, declared: readonly string[], codes: readonly string[], type: string): boolean {
  if (!isRejection(error)) return false;
  if (error.by !== type && !error.by.startsWith(`${type}/`)) return false;
  return (codes.length === 0 ? declared : codes).includes(error.code);
}

function makeModel(
  contract: AnyEntity,
  initial: (id: string) => unknown,
  reducers: Readonly<Record<string, Reducer>>,
  timers: readonly string[],
): AnyErasedModel {
  for (const name of Object.keys(reducers)) checkName(`event of ${contract.type}`, name);
  for (const name of timers) checkName(`timer of ${contract.type}`, name);
  return {
    entity: contract,
    implement: (behaviour: ErasedBehaviour) => makeImplementation(contract, initial, reducers, timers, behaviour),
  };
}

type Upcasts = Readonly<Record<string, Upcast<unknown> | undefined>>;
interface ErasedBehaviour {
  readonly signals?: Readonly<Record<string, unknown>>;
  readonly timers?: Readonly<Record<string, unknown>>;
  readonly queries?: Readonly<Record<string, unknown>>;
  readonly upcast?: Upcasts;
  readonly options?: EntityOptions;
}

function makeImplementation(
  contract: AnyEntity,
  initial: (id: string) => unknown,
  reducers: Readonly<Record<string, Reducer>>,
  timers: readonly string[],
  behaviour: ErasedBehaviour,
): AnyImplementation {
  const { type } = contract;
  onlyKeys(`implementation of ${type}`, behaviour, ['signals', 'timers', 'queries', 'upcast', 'options']);
  const declarations = declarationsOf(contract);
  const named = (kind: string) => [...declarations].filter(([, d]) => d.kind === kind).map(([name]) => name);
  const definition: EntityDefinition = {
    type,
    declarations,
    rejects: new Set(contract.rejects),
    initial,
    reducers: new Map(Object.entries(reducers)),
    timerNames: new Set(timers),
    signals: section(`signals of ${type}`, named('signal'), behaviour.signals, handlerOf),
    timers: section(`timers of ${type}`, timers, behaviour.timers, handlerOf),
    queries: section(`queries of ${type}`, named('query'), behaviour.queries, queryOf),
    upcasts: upcastsOf(type, reducers, behaviour.upcast ?? {}),
    options: checkedOptions(type, behaviour.options ?? {}),
  };
  return { entity: contract, [DEFINITION]: definition } as AnyImplementation;
}

/** A section of the behaviour: exactly the declared names. What the types say is checked again, for callers without types. */
function section<H>(
  what: string,
  names: readonly string[],
  given: Readonly<Record<string, unknown>> = {},
  toHandler: (what: string, value: unknown) => H,
): ReadonlyMap<string, H> {
  onlyKeys(what, given, names);
  return new Map(names.map((name) => [name, toHandler(`${what}: ${name}`, given[name])]));
}

function handlerOf(what: string, value: unknown): Handler {
  const durable = carried<ErasedDurable[typeof HANDLER]>(value, HANDLER);
  if (durable !== undefined) return durable;
  if (typeof value !== 'function') throw new PerdureError('invalid-definition', `${what} has no handler`);
  return { mode: 'plain', run: value as PlainHandler };
}

function queryOf(what: string, value: unknown): QueryHandler {
  if (typeof value !== 'function') throw new PerdureError('invalid-definition', `${what} has no function`);
  return value as QueryHandler;
}

function upcastsOf(type: string, reducers: Readonly<Record<string, Reducer>>, upcasts: Upcasts) {
  onlyKeys(`upcast of ${type}`, upcasts, Object.keys(reducers));
  return new Map(Object.entries(upcasts).map(([event, way]) => [event, (way?.steps ?? []) as readonly ((older: unknown) => unknown)[]]));
}

function checkedOptions(type: string, options: EntityOptions): EntityOptions {
  onlyKeys(`options of ${type}`, options, ['stateVersion', 'snapshotEvery', 'passivateAfter']);
  for (const key of ['stateVersion', 'snapshotEvery'] as const) {
    const value = options[key];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new PerdureError('invalid-definition', `options of ${type}: ${key} must be a whole number from 1`);
    }
  }
  if (options.passivateAfter !== undefined) durationMs(options.passivateAfter);
  return options;
}
