import type { EntityDefinition, Reducer } from '../definition/erased.ts';
import type { Address, Duration, Meta, SignalMessage } from '../definition/types.ts';
import { dueAt } from '../duration.ts';
import { PerdureError } from '../errors.ts';
import { newestVersion } from '../fold.ts';
import { journal } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize } from '../plain.ts';
import { type Random, randomFrom, uuidFrom } from '../random.ts';
import type { NewRecord, RecordMeta, TimerChange } from '../record.ts';

/**
 * What a handler is given: it collects what user code asks for (the consequences of one segment) and shows it the state so far.
 *
 * Invariants:
 * C1. Nothing leaves the context but through `records`, `timerChanges` and `state`; whoever ran the handler adopts or discards them together.
 * C2. After `close` every use throws `turn-over`.
 * C3. An error raised by the context itself (a payload that is not plain, a reducer that threw) is a defect even if user code catches it.
 */
export interface SegmentStart {
  readonly definition: EntityDefinition;
  readonly id: string;
  readonly state: unknown;
  readonly nowMs: number;
  /** Differs for every message of every commit attempt. */
  readonly seed: string;
  /** Metadata of every record of the message. */
  readonly meta: RecordMeta;
  readonly signalId: string;
  /** Number of the last arming given out. */
  readonly armings: number;
  readonly timersArmed: number;
  readonly armed: (timer: string, key: string) => boolean;
  readonly freeze: (value: unknown) => unknown;
}

export class TurnContext {
  readonly records: NewRecord[] = [];
  /** Index of the last event in `records`, -1 if none was emitted. */
  lastEvent = -1;
  bytes = 0;
  timerChanges: TimerChange[] | undefined;
  /** The first error that the context raised itself (C3). */
  poison: unknown;
  #state: unknown;
  #open = true;
  #random: Random | undefined;
  #emit: object | undefined;
  #timers: object | undefined;
  readonly #start: SegmentStart;

  constructor(start: SegmentStart) {
    this.#start = start;
    this.#state = start.state;
  }

  get id(): string {
    return this.#start.id;
  }

  get meta(): Meta {
    const { signalId, meta } = this.#start;
    return { signalId, correlationId: meta.correlation ?? signalId, baggage: meta.baggage ?? NO_BAGGAGE };
  }

  state(): unknown {
    return this.#state;
  }

  get emit(): object {
    this.#emit ??= surfaceOf(this.#start.definition).emitFor(this);
    return this.#emit;
  }

  get timers(): object {
    this.#timers ??= surfaceOf(this.#start.definition).timersFor(this);
    return this.#timers;
  }

  now(): number {
    return this.#start.nowMs;
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
      this.#add(journal('SignalSent', { type, id, name, payload: this.#start.freeze(payload) }, this.#start.meta), size);
    });
  }

  cancel(signal: string): void {
    this.#guarded(() => {
      if (this.#start.definition.declarations.get(signal)?.kind !== 'signal') {
        throw new PerdureError('unknown-signal', `${this.#start.definition.type} declares no signal '${signal}' that could be cancelled`);
      }
    });
  }

  /** Ends the handler's use of this context (C2). */
  close(): void {
    this.#open = false;
  }

  /** What `emit.X(payload)` does: reduces at once, so that `state()` shows it. */
  emitEvent(type: string, reducer: Reducer, version: number, payload: unknown): void {
    this.#guarded(() => {
      const data = this.#start.freeze(payload === undefined ? null : payload);
      const size = plainSize(data, type) + type.length + EVENT_OVERHEAD;
      this.#state = this.#start.freeze(reducer(this.#state, data));
      const meta = version === 1 ? this.#start.meta : { ...this.#start.meta, version };
      this.lastEvent = this.records.length;
      this.#add({ type, data, meta }, size);
    });
  }

  /** What `timers.x.set` and `timers.x.clear` do. `due` undefined clears. */
  changeTimer(timer: string, key: string, due: Duration | Date | undefined): void {
    this.#guarded(() => {
      if (typeof key !== 'string' || key.length > LIMITS.maxTimerKeyLength) {
        throw new PerdureError(
          'invalid-definition',
          `key of timer ${timer} must be a string of at most ${LIMITS.maxTimerKeyLength} characters`,
        );
      }
      const earlier = this.timerChanges ?? [];
      const changes = earlier.filter((change) => change.timer !== timer || change.key !== key);
      if (due !== undefined) {
        if (this.#start.timersArmed + changes.length >= LIMITS.maxTimersPerEntity && !this.#start.armed(timer, key)) {
          throw new PerdureError(
            'too-many-timers',
            `${this.#start.definition.type}/${this.id} has ${this.#start.timersArmed} armed timers`,
          );
        }
        const arming = this.#start.armings + this.#setSoFar(earlier) + 1;
        changes.push({ timer, key, dueAt: dueAt(this.#start.nowMs, due), arming });
      } else if (this.#start.armed(timer, key)) changes.push({ timer, key, dueAt: null });
      this.timerChanges = changes;
    });
  }

  #setSoFar(changes: readonly TimerChange[]): number {
    return changes.reduce((most, change) => (change.dueAt === null ? most : Math.max(most, change.arming - this.#start.armings)), 0);
  }

  #add(record: NewRecord, bytes: number): void {
    this.records.push(record);
    this.bytes += bytes;
  }

  #generator(): Random {
    if (!this.#open) throw turnOver();
    this.#random ??= randomFrom(this.#start.seed);
    return this.#random;
  }

  #guarded(work: () => void): void {
    if (!this.#open) throw turnOver();
    try {
      work();
    } catch (error) {
      this.poison ??= error;
      throw error;
    }
  }
}

const NO_BAGGAGE: Readonly<Record<string, string>> = Object.freeze({});
/** Estimated bytes of a record beside its data and type name. */
const EVENT_OVERHEAD = 24;

function turnOver(): PerdureError {
  return new PerdureError('turn-over');
}

function checkedAddress(message: SignalMessage): Address & { name: string; payload: unknown } {
  const { type, id, name } = message;
  if (
    typeof type !== 'string' ||
    typeof id !== 'string' ||
    typeof name !== 'string' ||
    id.length === 0 ||
    id.length > LIMITS.maxEntityIdLength
  ) {
    throw new PerdureError(
      'malformed-request',
      `send takes a message with type, id (1 to ${LIMITS.maxEntityIdLength} characters) and name`,
    );
  }
  return message;
}

/** The `emit` and `timers` objects of an entity type: one class each, made once, so that a context costs two small allocations. */
interface Surface {
  emitFor(context: TurnContext): object;
  timersFor(context: TurnContext): object;
}
const surfaces = new WeakMap<EntityDefinition, Surface>();

function surfaceOf(definition: EntityDefinition): Surface {
  let surface = surfaces.get(definition);
  if (surface === undefined) {
    surface = makeSurface(definition);
    surfaces.set(definition, surface);
  }
  return surface;
}

function makeSurface(definition: EntityDefinition): Surface {
  class Bound {
    readonly context: TurnContext;
    constructor(context: TurnContext) {
      this.context = context;
    }
  }
  class Emit extends Bound {}
  for (const [type, reducer] of definition.reducers) {
    const version = newestVersion(definition, type);
    Object.defineProperty(Emit.prototype, type, {
      value(this: Emit, payload?: unknown) {
        this.context.emitEvent(type, reducer, version, payload);
      },
    });
  }
  class Timers extends Bound {}
  for (const name of definition.timerNames) {
    Object.defineProperty(Timers.prototype, name, {
      get(this: Timers) {
        const { context } = this;
        return {
          set: (due: Duration | Date, key = '') => context.changeTimer(name, key, due),
          clear: (key = '') => context.changeTimer(name, key, undefined),
        };
      },
    });
  }
  return { emitFor: (context) => new Emit(context), timersFor: (context) => new Timers(context) };
}
