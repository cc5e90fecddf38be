/**
 * Every error of the runtime: one table. The HTTP layer, the client, the docs (`runtime/core/ERRORS.md`) and the tests read it;
 * nothing else decides a status or a retry.
 *
 * Invariants:
 * X1. Every code thrown or answered by the runtime is a key of ERRORS (an entity's own rejection codes are the user's).
 * X2. `retry` says what a caller should do: `never` = the same request will fail again; `backoff` = try again after a growing
 *     wait; `after` = the answer carries the wait (`retry-after`).
 */
export interface ErrorSpec {
  /** What happened, for people. */
  readonly message: string;
  /** What the caller or the operator can do about it. */
  readonly help: string;
  readonly status: number;
  readonly retry: 'never' | 'backoff' | 'after';
}

const spec = (status: number, retry: ErrorSpec['retry'], message: string, help: string): ErrorSpec => ({ message, help, status, retry });

export const ERRORS = {
  // ── requests ──
  'invalid-payload': spec(400, 'never', 'The payload does not fit the schema.', 'Correct the fields named in `errors`.'),
  'malformed-request': spec(400, 'never', 'The request could not be understood.', 'Correct what the message names; see /openapi.json.'),
  'invalid-cursor': spec(400, 'never', 'The cursor does not belong to this query.', 'Start again without a cursor.'),
  'invalid-page': spec(400, 'never', 'The page or its bounds are not valid.', 'Correct the parameter that the message names.'),
  unauthorized: spec(
    401,
    'never',
    'The request carries no valid API key.',
    'Send `authorization: Bearer {key}` with a key of PERDURE_API_KEYS.',
  ),
  forbidden: spec(403, 'never', 'The API key may not do this.', 'Use a key with the right to do it.'),
  'unknown-entity-type': spec(
    404,
    'never',
    'No entity of this type is registered.',
    'Check the type; /openapi.json lists the registered ones.',
  ),
  'unknown-signal': spec(
    404,
    'never',
    'The entity declares no signal of this name.',
    'Check the name; /openapi.json lists the declared ones.',
  ),
  'unknown-query': spec(
    404,
    'never',
    'The entity declares no query of this name.',
    'Check the name; /openapi.json lists the declared ones.',
  ),
  'unknown-projection': spec(
    404,
    'never',
    'No projection of this name is registered.',
    'Check the name; /openapi.json lists the registered ones.',
  ),
  'unknown-index': spec(404, 'never', 'The projection declares no index of this name.', 'Use an index that the projection declares.'),
  'unknown-run': spec(404, 'never', 'No run of this signal id is known.', 'Check the id; outcomes leave the window after a while.'),
  'not-found': spec(404, 'never', 'There is nothing at this address.', 'Check the address; an entity exists from its first record on.'),
  'payload-too-large': spec(413, 'never', 'The body or payload is larger than the limit.', 'Send less, or raise PERDURE_MAX_BODY.'),
  'unsupported-media-type': spec(
    415,
    'never',
    'The content type or charset is not understood.',
    'Send application/json or application/msgpack in UTF-8.',
  ),
  'rate-limited': spec(429, 'after', 'Too many requests.', 'Wait as long as `retry-after` says.'),

  // ── outcomes ──
  'outcome-expired': spec(
    409,
    'never',
    'This id was handled, but its outcome has left the window.',
    'It took effect once; read the entity to see its state.',
  ),
  'callback-completed': spec(
    409,
    'never',
    'The callback was already completed with another outcome.',
    'Nothing to do; the first completion stands.',
  ),
  'callback-closed': spec(410, 'never', 'The callback is no longer waited for.', 'Nothing to do; its run went on without it.'),
  forgotten: spec(410, 'never', 'The entity was forgotten on request.', 'Use another id; a forgotten entity never comes back.'),
  'not-owner': spec(421, 'backoff', 'Another node owns this entity.', 'Ask the owner; the client and the edge do so by themselves.'),
  'update-timeout': spec(
    504,
    'backoff',
    'The update was taken, but its outcome took longer than the time-out.',
    'Send it again with the same Idempotency-Key to join it.',
  ),
  'read-timeout': spec(504, 'backoff', 'The read did not get its turn within the time-out.', 'Try again, or raise ?timeout=.'),
  'projection-behind': spec(
    504,
    'backoff',
    'The projection had not reached the token within the time-out.',
    'Try again, or raise ?timeout=.',
  ),
  withdrawn: spec(
    503,
    'after',
    'The update was not taken within the time-out, and never will be.',
    'Send it again with the same Idempotency-Key.',
  ),
  'outcome-unknown': spec(
    503,
    'after',
    'The store has not said whether the change is durable.',
    'Send it again with the same Idempotency-Key.',
  ),
  overloaded: spec(503, 'after', 'The node has as much waiting as its limits allow.', 'Wait as long as `retry-after` says.'),
  draining: spec(503, 'after', 'The node is shutting down.', 'Send it again; another node or the next start takes it.'),
  parked: spec(
    503,
    'after',
    'The entity is parked after a defect; signals are held, updates refused.',
    'An operator retries, edits or skips what failed: POST …/admin/{retry,edit,skip}.',
  ),
  paused: spec(503, 'after', 'The entity was paused by an operator.', 'An operator resumes it: POST …/admin/resume.'),
  'not-parked': spec(409, 'never', 'The entity is not parked.', 'Nothing to do.'),
  'not-failed': spec(
    409,
    'never',
    'The projection has not failed at this position.',
    'See GET /v1/projections for what failed, and where.',
  ),
  'not-paused': spec(409, 'never', 'The entity is not paused.', 'Nothing to do.'),
  'held-overflow': spec(
    503,
    'after',
    'The entity holds as many signals as its limit allows.',
    'Retry, edit or skip what failed; then send again.',
  ),

  // ── defects of user code and definitions ──
  defect: spec(500, 'never', 'The handler threw something that is not a rejection.', 'Correct the handler; the log has the error.'),
  'run-stalled': spec(500, 'never', 'The run stopped at a defect.', 'Correct the handler and retry the run.'),
  'fold-failed': spec(500, 'never', 'The state could not be folded from the stream.', 'Deploy code that knows every event of the stream.'),
  'turn-too-large': spec(
    413,
    'never',
    'One message would write more than an append may hold.',
    'Emit less in one message, or keep large data elsewhere.',
  ),
  'payload-not-plain': spec(
    500,
    'never',
    'A value does not survive both JSON and msgpack.',
    'Use plain objects, arrays, strings, finite numbers, booleans and null.',
  ),
  'result-invalid': spec(500, 'never', 'The result does not fit the declared output schema.', 'Correct the handler or the schema.'),
  determinism: spec(
    500,
    'never',
    'A handler, reducer or query used something that is not deterministic.',
    'Use what the turn offers instead, or an activity.',
  ),
  'turn-over': spec(
    500,
    'never',
    'A handler used its turn after it had ended.',
    'Do everything before the handler returns; handlers are not async.',
  ),
  'too-many-timers': spec(500, 'never', 'The entity has as many armed timers as its limit allows.', 'Clear timers that are not needed.'),
  'invalid-definition': spec(500, 'never', 'A definition is not valid.', 'Correct the definition that the message names.'),
  'index-value-invalid': spec(
    500,
    'never',
    'A row has a value that cannot be indexed.',
    'Index strings, finite numbers, booleans and null of moderate length.',
  ),
  'projection-failed': spec(
    503,
    'after',
    'The projection stopped at an event that it could not apply.',
    'Correct the projection; the log names the event.',
  ),
  'unknown-table': spec(
    500,
    'never',
    'A table of rows was used before it was declared.',
    'Declare it first: the read store knows no other.',
  ),
  'invariant-violated': spec(
    500,
    'never',
    'The runtime found itself in a state that must not exist.',
    'Report it with the log; the entity was reloaded.',
  ),

  'unknown-activity': spec(
    500,
    'never',
    'A handler called an activity that this node does not have.',
    'Add its implementation to the activities of the program, then retry the run.',
  ),
  'activity-threw': spec(
    503,
    'after',
    'An attempt of an activity threw; it is tried again as its policy says.',
    'See the log; correct the activity or what it calls.',
  ),
  'attempt-lost': spec(
    504,
    'backoff',
    'An attempt of an activity gave no answer in time, or its process is gone; it is tried again as its policy says.',
    'Raise its timeout if it needs longer; let it heartbeat if it is long.',
  ),
  'too-many-calls': spec(
    500,
    'never',
    'A run waits for as many things at once as its limit allows.',
    'Bound it, with map say, and retry the run.',
  ),
  'saga-over': spec(
    500,
    'never',
    'A saga started something after its body had ended.',
    'Await all branches inside the body; a branch that goes on after another failed is stopped here.',
  ),
  'replay-diverged': spec(
    500,
    'never',
    'A run does not come out again as it was recorded.',
    'Deploy code that does (patched() keeps the old way for old runs), then retry the run; the details have both histories.',
  ),
  'compensation-failed': spec(
    500,
    'never',
    'A compensation failed for good; nothing after it was undone yet.',
    'Mend what it calls and retry the run: it is called again.',
  ),
  'call-failed': spec(500, 'never', 'A call ended without an outcome.', 'The message says why; what was called may be called again.'),
  'call-cycle': spec(
    409,
    'never',
    'Serial runs wait for each other in a circle.',
    'Break the circle that the message names: make one of the handlers durable instead of serial.',
  ),
  'already-exists': spec(409, 'never', 'The signal is accepted once, and it was accepted before.', 'Use another id for the entity.'),
  terminated: spec(409, 'never', 'The run was terminated by an operator.', 'Nothing to do; nothing was compensated.'),
  'callback-forged': spec(403, 'never', 'The token does not belong to a callback.', 'Use the token as the run made it.'),

  'activity-failed': spec(500, 'never', 'An activity failed for good.', 'Its attempts or its deadline ran out; see the cause.'),
  cancelled: spec(409, 'never', 'The run was cancelled.', 'Nothing to do; compensations have run.'),

  // ── store ──
  'store-full': spec(503, 'after', 'The disk is full; nothing was written.', 'Free space; the node goes on by itself.'),
  'store-failed': spec(
    503,
    'after',
    'The store failed and takes no more writes until the node is restarted.',
    'See the log for the cause, mend it and restart.',
  ),
  'store-closed': spec(503, 'after', 'The store is closed.', 'Send it again; the next start takes it.'),
  'store-in-use': spec(
    500,
    'never',
    'The store is in use by another process.',
    'Stop the other process, or use another PERDURE_DATA_DIR or PERDURE_EVENTSTORE_URL.',
  ),
  'store-corrupt': spec(
    500,
    'never',
    'The log is damaged before its end.',
    'Restore a backup; the message names file and position. Nothing was changed.',
  ),
  'store-too-new': spec(
    500,
    'never',
    'The data directory was written by a newer format.',
    'Start the newer version again. Nothing was changed.',
  ),
  'store-mismatch': spec(
    500,
    'never',
    'The store, its checkpoints or the configuration do not belong together.',
    'Correct what the message names.',
  ),
  'invalid-config': spec(500, 'never', 'The configuration is not valid.', 'Correct the variable that the message names.'),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

const BRAND = Symbol.for('perdure.error');

/**
 * An error of the runtime. `details` is plain data (for `invalid-payload` the list of `{path, message}`).
 */
export class PerdureError extends Error {
  readonly [BRAND] = true;
  readonly code: string;
  readonly details: unknown;

  constructor(code: ErrorCode, message?: string, details?: unknown, options?: ErrorOptions) {
    super(message ?? ERRORS[code].message, options);
    this.name = 'PerdureError';
    this.code = code;
    this.details = details;
  }
}

/** Is it an error of the runtime, with this code if one is given? Branded, so that two copies of the package agree. */
export function isPerdureError(error: unknown, code?: ErrorCode): error is PerdureError {
  return isBranded(error, BRAND) && (code === undefined || (error as PerdureError).code === code);
}

/** Does an object carry a brand? Never throws, whatever user code threw: a proxy may refuse even the question. */
export function isBranded(value: unknown, brand: symbol): value is object {
  try {
    return typeof value === 'object' && value !== null && brand in value;
  } catch {
    return false;
  }
}

/** What was thrown, as text: name and message of an error, else the value. Never throws, whatever user code threw. */
export function errorText(error: unknown): string {
  try {
    return String(error);
  } catch {
    return `a thrown ${typeof error} that has no text`;
  }
}

/** The table's row of a code; the user's own rejection codes are 409 and final. */
export function errorSpec(code: string): ErrorSpec {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : REJECTION;
}

const REJECTION: ErrorSpec = spec(409, 'never', 'The entity rejected the message.', 'A business rule said no; see code and details.');

/** Throws `invariant-violated` unless the condition holds. For states that must not exist, never for input. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new PerdureError('invariant-violated', what);
}
