import { ENTITY_TYPE } from '../record.ts';
import { isRejection, Rejection } from '../rejection.ts';
import { checkCount, checkDuration, checkList, checkName, checkObject, checkRejects, checkSync, onlyKeys, own, refuse } from './checks.ts';
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
  UPCAST,
} from './erased.ts';
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
  if (options !== undefined) onlyKeys(`entity ${type}`, options, ['rejects']);
  return makeEntity(type, declarations, options?.rejects ?? []);
}

/** The erased definition of what `implement` returned. Throws `invalid-definition` for anything else. */
export function definitionOf(implementation: AnyImplementation): EntityDefinition {
  const definition = carried<EntityDefinition>(implementation, DEFINITION);
  if (definition === undefined) {
    refuse('not an implementation: pass what `.implement({ … })` returned');
  }
  return definition;
}

/** The declared signals and queries of an entity, by name. */
export function declarationsOf(contract: AnyEntity): ReadonlyMap<string, MessageDeclaration> {
  const all = new Map<string, MessageDeclaration>();
  for (const [name, value] of Object.entries(contract.declarations)) {
    const declaration = carried<MessageDeclaration>(value, DECLARATION);
    if (declaration === undefined) refuse(`${contract.type}.${name} is neither signal() nor query()`);
    all.set(name, declaration);
  }
  return all;
}

function makeEntity(type: string, declarations: Declarations, rejects: readonly string[]): AnyEntity {
  if (typeof type !== 'string' || !ENTITY_TYPE.test(type))
    refuse(`entity type '${String(type)}' must be [a-z][A-Za-z0-9]*, at most 64 characters`);
  checkObject(`messages of entity ${type}`, declarations);
  checkRejects(type, rejects);
  const Messages = messagesClass(type, declarations);
  const call = (id: string) => new Messages(id) as AnyMessages;
  const contract = Object.assign(call, {
    type,
    declarations,
    rejects,
    reject: (code: string, details?: unknown) => new Rejection(code, details, type),
    rejected: (error: unknown, ...codes: readonly string[]): error is Rejection => saidNo(error, rejects, codes, type),
    fold: (initial: (id: string) => unknown, reducers: Readonly<Record<string, Reducer>>, options?: { timers?: readonly string[] }) => {
      if (options !== undefined) onlyKeys(`fold of ${type}`, options, ['timers']);
      return makeModel(contract, initial, reducers, options?.timers ?? []);
    },
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
  const { type } = contract;
  checkSync(`fold of ${type}: the initial state`, initial);
  checkObject(`reducers of ${type}`, reducers);
  for (const [name, reducer] of Object.entries(reducers)) {
    checkName(`event of ${type}`, name);
    checkSync(`reducers of ${type}: ${name}`, reducer);
  }
  checkList(`timers of ${type}`, timers, (name) => checkName(`timer of ${type}`, name));
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
  return new Map(names.map((name) => [name, toHandler(`${what}: ${name}`, own(given, name))]));
}

function handlerOf(what: string, value: unknown): Handler {
  const durable = carried<ErasedDurable[typeof HANDLER]>(value, HANDLER);
  if (durable !== undefined) return durable;
  if (value === undefined) refuse(`${what} has no handler`);
  checkSync(what, value, '; use durable(async …)');
  return { mode: 'plain', run: value as PlainHandler };
}

function queryOf(what: string, value: unknown): QueryHandler {
  if (value === undefined) refuse(`${what} has no function`);
  checkSync(what, value);
  return value as QueryHandler;
}

function upcastsOf(type: string, reducers: Readonly<Record<string, Reducer>>, upcasts: Upcasts) {
  onlyKeys(`upcast of ${type}`, upcasts, Object.keys(reducers));
  return new Map(
    Object.entries(upcasts).map(([event, way]) => {
      if (way === undefined || carried(way, UPCAST) === undefined) refuse(`upcast of ${type}: ${event} is not made by upcast(…)`);
      return [event, way.steps as readonly ((older: unknown) => unknown)[]];
    }),
  );
}

function checkedOptions(type: string, options: EntityOptions): EntityOptions {
  onlyKeys(`options of ${type}`, options, ['stateVersion', 'snapshotEvery', 'passivateAfter']);
  checkCount(`options of ${type}: stateVersion`, options.stateVersion);
  checkCount(`options of ${type}: snapshotEvery`, options.snapshotEvery);
  checkDuration(`options of ${type}: passivateAfter`, options.passivateAfter, false);
  return options;
}
