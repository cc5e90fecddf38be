import type { EntityDefinition, Reducer } from '../definition/erased.ts';
import type { Duration, Meta, SignalMessage } from '../definition/types.ts';
import { type Asking, metaFor, surfaceOf } from '../turn/context.ts';
import type { RunExecution } from './execution.ts';

/**
 * What a durable handler has in common with a plain one: it goes to whichever segment is open.
 */
export class TurnSurface implements Asking {
  readonly emit: object;
  readonly timers: object;
  readonly #execution: RunExecution;

  /** The surface of an execution's handler. Outside of a segment every use throws `turn-over`. */
  constructor(execution: RunExecution, definition: EntityDefinition) {
    this.#execution = execution;
    const surface = surfaceOf(definition);
    this.emit = surface.emitFor(this);
    this.timers = surface.timersFor(this);
  }

  get id(): string {
    return this.#execution.identity.entityId;
  }

  get meta(): Meta {
    const { id, meta } = this.#execution.identity;
    return metaFor(id, meta);
  }

  state(): unknown {
    return this.#execution.segments.context.state();
  }

  now(): number {
    return this.#execution.segments.context.now();
  }

  random(): number {
    return this.#execution.segments.context.random();
  }

  uuid(): string {
    return this.#execution.segments.context.uuid();
  }

  send(message: SignalMessage): void {
    this.#execution.segments.context.send(message);
  }

  cancel(signal: string): void {
    this.#execution.segments.context.cancel(signal);
  }

  log(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (!this.#execution.segments.isReplaying) this.#execution.segments.context.log(message, fields);
  }

  emitEvent(type: string, reducer: Reducer, version: number, payload: unknown): void {
    this.#execution.segments.context.emitEvent(type, reducer, version, payload);
  }

  changeTimer(timer: string, key: string, due: Duration | Date | undefined): void {
    this.#execution.segments.context.changeTimer(timer, key, due);
  }
}
