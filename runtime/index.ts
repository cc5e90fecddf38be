/**
 * `perdure`: what definitions are made of. No Node API, so contracts load in a browser and in handlers.
 */

export { activity } from './core/definition/activity.ts';
export { durable, serial } from './core/definition/durable.ts';
export { entity } from './core/definition/entity.ts';
export { query, signal, typed } from './core/definition/message.ts';
export { projection } from './core/definition/projection.ts';
export type {
  Activity,
  ActivityImplementation,
  ActivityInfo,
  Address,
  AnyImplementation,
  AnyProjection,
  Callable,
  Callback,
  Duration,
  Entity,
  EntityOptions,
  Envelope,
  EventMeta,
  EventOf,
  Implementation,
  Meta,
  Model,
  NoInput,
  NoOutput,
  Projection,
  Query,
  QueryMessage,
  QueryOf,
  Run,
  Saga,
  Schema,
  Signal,
  SignalMessage,
  SignalOf,
  StateOf,
  Task,
  Turn,
} from './core/definition/types.ts';
export { upcast } from './core/definition/upcast.ts';
export { ERRORS, type ErrorCode, PerdureError } from './core/errors.ts';
export { ActivityError, CancelledError, Rejection } from './core/rejection.ts';
