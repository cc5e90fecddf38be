import type { Bookkeeping } from '../bookkeeping.ts';
import type { EntityDefinition, Reducer } from '../definition/erased.ts';
import type { Address, Duration, Meta, SignalMessage } from '../definition/types.ts';
import { dueAt } from '../duration.ts';
import { PerdureError } from '../errors.ts';
import { newestVersion } from '../fold.ts';
import { journal } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize, wellFormed } from '../plain.ts';
import { type Random, randomFrom, uuidFrom } from '../random.ts';
import { ENTITY_TYPE, type NewRecord, type RecordMeta, type TimerChange } from '../record.ts';
import type { TurnEnv } from './step.ts';

/**
 * What a handler is given: it collects what user code asks for (the consequences of one segment) and shows it the state so far.
 *
 * Invariants:
 * C1. Nothing leaves the context but through `records`, `timerChanges` and `state`; whoever ran the handler adopts or discards them together.
 * C2. After `close` every use throws `turn-over`.
 * C3. An error raised by the context itself (a payload that is not plain, a reducer that threw) is a defect even if user code catches it.
 */
export interface SegmentStart {
  /** Metadata of every record of the message. */
  readonly meta: RecordMeta;
  readonly signalId: string;
  /** Place of the message in its turn: with the turn's id it seeds the randomness. */
  readonly index: number;
  /** Seed of the randomness of a run's segment. */
  readonly seed?: string;
}

/** What a context stands on: an image, or what a segment saw when it is executed again. */
export interface Ground {
  readonly definition: EntityDefinition;
  readonly id: string;
  readonly state: unknown;
  readonly books: Bookkeeping;
}

/** What `emit` and `timers` of a handler's context lead to. */
export interface Asking {
  emitEvent(type: string, reducer: Reducer, version: number, payload: unknown): void;
  changeTimer(timer: string, key: string, due: Duration | Date | undefined): void;
}

/** A line that user code logged. */
export interface LoggedLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class TurnContext implements Asking {
  records: NewRecord[] = NO_RECORDS;
  /** Index of the last event in `records`, -1 if none was emitted. */
  lastEvent = -1;
  bytes = 0;
  /** Signals whose runs are to be cancelled. */
  cancels: readonly string[] = NONE;
  logged: readonly LoggedLine[] = NONE;
  /** The first error that the context raised itself (C3). */
  poison: unknown;
  #state: unknown;
  #open = true;
  #random: Random | undefined;
  #emit: object | undefined;
  #timers: object | undefined;
  /** The last change of each timer, in the order of these. */
  #changes: Map<string, TimerChange> | undefined;
  #armings: number;
  /** Timers that will be armed after this segment. */
  #armed: number;
  readonly #image: Ground;
  readonly #start: SegmentStart;
  readonly #env: TurnEnv;

  constructor(image: Ground, start: SegmentStart, env: TurnEnv) {
    this.#image = image;
    this.#start = start;
    this.#env = env;
    this.#state = image.state;
    this.#armings = image.books.armings;
    this.#armed = image.books.timers.size;
  }

  get id(): string {
    return this.#image.id;
  }

  get meta(): Meta {
    const { signalId, meta } = this.#start;
    return metaFor(signalId, meta);
  }

  state(): unknown {
    this.#used();
    return this.#state;
  }

  /** What the segment changed about timers, undefined if nothing. */
  get timerChanges(): readonly TimerChange[] | undefined {
    return this.#changes === undefined || this.#changes.size === 0 ? undefined : [...this.#changes.values()];
  }

  get emit(): object {
    this.#emit ??= surfaceOf(this.#image.definition).emitFor(this);
    return this.#emit;
  }

  get timers(): object {
    this.#timers ??= surfaceOf(this.#image.definition).timersFor(this);
    return this.#timers;
  }

  now(): number {
    this.#used();
    return this.#env.nowMs;
  }

  random(): number {
    return this.#generator().next();
  }

  uuid(): string {
    return uuidFrom(this.#generator());
  }

  send(message: SignalMessage): void {
    this.#guarded(() => {
      const { type, id, name, payload } = checkedAddress(message);
      const size = plainSize(payload, `payload of ${type}.${name}`) + type.length + id.length + name.length + 64;
      this.add(journal('SignalSent', { type, id, name, payload: this.#env.freeze(payload) }, this.#start.meta), size);
    });
  }

  cancel(signal: string): void {
    this.#guarded(() => {
      if (this.#image.definition.declarations.get(signal)?.kind !== 'signal') {
        throw new PerdureError('unknown-signal', `${this.#image.definition.type} declares no signal '${signal}' that could be cancelled`);
      }
      if (!this.cancels.includes(signal)) this.cancels = [...this.cancels, signal];
    });
  }

  log(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#used();
    if (this.logged.length < LIMITS.maxLoggedLines) this.logged = [...this.logged, { message: String(message), fields }];
  }

  /** Ends the handler's use of this context (C2). */
  close(): void {
    this.#open = false;
  }

  /** What `emit.X(payload)` does: reduces at once, so that `state()` shows it. */
  emitEvent(type: string, reducer: Reducer, version: number, payload: unknown): void {
    this.#used();
    // Written out rather than through #guarded: every event comes this way.
    try {
      const data = payload === undefined ? null : payload;
      const size = plainSize(data, type) + type.length + EVENT_OVERHEAD;
      this.#env.freeze(data);
      this.#state = this.#env.freeze(reducer(this.#state, data), 'state');
      const meta = version === 1 ? this.#start.meta : { ...this.#start.meta, version };
      this.lastEvent = this.records.length;
      this.add({ type, data, meta }, size);
    } catch (error) {
      this.poison ??= error;
      throw error;
    }
  }

  /** What `timers.x.set` and `timers.x.clear` do. `due` undefined clears. */
  changeTimer(timer: string, key: string, due: Duration | Date | undefined): void {
    this.#guarded(() => {
      if (typeof key !== 'string' || key.length > LIMITS.maxTimerKeyLength || wellFormed(key) !== key) {
        throw new PerdureError(
          'invalid-definition',
          `key of timer ${timer} must be a well-formed string of at most ${LIMITS.maxTimerKeyLength} characters`,
        );
      }
      const slot = `${timer}/${key}`;
      this.#changes ??= new Map();
      const stored = this.#image.books.timers.get(timer, key) !== undefined;
      const earlier = this.#changes.get(slot);
      const before = earlier === undefined ? stored : earlier.dueAt !== null;
      if (due === undefined) {
        this.#changes.delete(slot);
        if (stored) this.#changes.set(slot, { timer, key, dueAt: null });
        if (before) this.#armed -= 1;
        return;
      }
      if (!before && this.#armed >= LIMITS.maxTimersPerEntity) {
        throw new PerdureError('too-many-timers', `${this.#image.definition.type}/${this.id} has ${this.#armed} armed timers`);
      }
      const at = dueAt(this.#env.nowMs, due);
      this.#armings += 1;
      this.#changes.delete(slot);
      this.#changes.set(slot, { timer, key, dueAt: at, arming: this.#armings });
      if (!before) this.#armed += 1;
    });
  }

  /** Adds a record that the segment comes to, and its estimated bytes. */
  add(record: NewRecord, bytes = 0): void {
    // A literal of one is a ninth of what an array grown by push takes, and most messages emit one event.
    if (this.records === NO_RECORDS) this.records = [record];
    else this.records.push(record);
    this.bytes += bytes;
  }

  #generator(): Random {
    this.#used();
    this.#random ??= randomFrom(this.#start.seed ?? `${this.#env.turnId}/${this.#start.index}`);
    return this.#random;
  }

  #used(): void {
    if (!this.#open) throw new PerdureError('turn-over');
  }

  #guarded(work: () => void): void {
    this.#used();
    try {
      work();
    } catch (error) {
      this.poison ??= error;
      throw error;
    }
  }
}

const NONE: readonly never[] = [];
/** What user code is told of the message that it handles. */
export function metaFor(signalId: string, { correlation, baggage = NO_BAGGAGE, traceparent }: RecordMeta): Meta {
  const meta = { signalId, correlationId: correlation ?? signalId, baggage };
  return traceparent === undefined ? meta : { ...meta, traceparent };
}

/** Shared by all contexts that have collected nothing; never pushed to. */
const NO_RECORDS: NewRecord[] = [];
const NO_BAGGAGE: Readonly<Record<string, string>> = Object.freeze({});
/** Estimated bytes of a record beside its data and type name. */
const EVENT_OVERHEAD = 24;

/** Throws `malformed-request` for what is no message to an entity. */
export function checkedAddress(message: SignalMessage): Address & { name: string; payload: unknown } {
  const { type, id, name } = message;
  const fits =
    typeof type === 'string' &&
    ENTITY_TYPE.test(type) &&
    typeof id === 'string' &&
    id.length > 0 &&
    id.length <= LIMITS.maxEntityIdLength &&
    wellFormed(id) === id &&
    typeof name === 'string' &&
    name.length <= LIMITS.maxNameLength &&
    wellFormed(name) === name;
  if (!fits) {
    throw new PerdureError(
      'malformed-request',
      `send takes a message with an entity type, an id (1 to ${LIMITS.maxEntityIdLength} characters) and a name`,
    );
  }
  return message;
}

/** The `emit` and `timers` objects of an entity type: one class each, made once, so that a context costs two small allocations. */
interface Surface {
  emitFor(context: Asking): object;
  timersFor(context: Asking): object;
}
const surfaces = new WeakMap<EntityDefinition, Surface>();

/** The `emit` and `timers` of an entity type. */
export function surfaceOf(definition: EntityDefinition): Surface {
  let surface = surfaces.get(definition);
  if (surface === undefined) {
    surface = makeSurface(definition);
    surfaces.set(definition, surface);
  }
  return surface;
}

function makeSurface(definition: EntityDefinition): Surface {
  // Under a symbol: an event or a timer may have any name.
  const OWN = Symbol('context');
  class Bound {
    readonly [OWN]: Asking;
    constructor(context: Asking) {
      this[OWN] = context;
    }
  }
  class Emit extends Bound {}
  for (const [type, reducer] of definition.reducers) {
    const version = newestVersion(definition, type);
    Object.defineProperty(Emit.prototype, type, {
      value(this: Emit, payload?: unknown) {
        this[OWN].emitEvent(type, reducer, version, payload);
      },
    });
  }
  class Timers extends Bound {}
  for (const name of definition.timerNames) {
    Object.defineProperty(Timers.prototype, name, {
      get(this: Timers) {
        const context = this[OWN];
        return {
          set: (due: Duration | Date, key = '') => context.changeTimer(name, key, due),
          clear: (key = '') => context.changeTimer(name, key, undefined),
        };
      },
    });
  }
  return { emitFor: (context) => new Emit(context), timersFor: (context) => new Timers(context) };
}
