import { type ActivityDeclaration, activityOf } from '../definition/activity.ts';
import type { EntityDefinition } from '../definition/erased.ts';
import type { AnySchema, Duration, Envelope, SignalMessage, Task } from '../definition/types.ts';
import { dueAt } from '../duration.ts';
import { PerdureError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { boundedSize, plainSize } from '../plain.ts';
import { firstIssue, validate } from '../schema.ts';
import { checkedAddress } from '../turn/context.ts';
import { secretText, writeCallbackToken } from './callback-token.ts';
import { type Begun, idempotencyKey, type RunExecution } from './execution.ts';
import { mapItems } from './map.ts';
import { recordedPolicy } from './policy.ts';
import { runSaga, SagaScope } from './saga.ts';
import { TurnSurface } from './turn-surface.ts';

type Limit = { readonly timeout?: Duration | Date };

/**
 * What a durable handler is given: a turn that can wait. All it does goes to the execution and its open segment; it keeps nothing itself but the saga that it
 * belongs to.
 *
 * Invariants:
 * X1. Whatever is wrong with what is asked for is thrown where it was asked, and spoils the run: it is a defect also if user code catches it.
 */
export class RunContext extends TurnSurface {
  readonly #execution: RunExecution;
  readonly #definition: EntityDefinition;
  readonly #saga: SagaScope | undefined;

  constructor(execution: RunExecution, definition: EntityDefinition, saga?: SagaScope) {
    super(execution, definition);
    this.#execution = execution;
    this.#definition = definition;
    this.#saga = saga;
  }

  call(what: unknown): Promise<unknown> {
    const begin = () => this.#begin(what, undefined, false);
    return (this.#saga === undefined ? begin() : this.#saga.start(begin)).promise;
  }

  sleep(until: Duration | Date): Promise<unknown> {
    return this.#checked(() => {
      const at = dueAt(this.#execution.segments.scope.nowMs, until);
      return this.#execution.wait({ kind: 'sleep', name: 'sleep' }, (call) => ({ scheduled: { kind: 'sleep', call, dueAt: at } }), 16);
    }).promise;
  }

  until(predicate: (state: unknown) => boolean, limit: Limit = {}): Promise<unknown> {
    return this.#checked(() => {
      if (typeof predicate !== 'function') throw new PerdureError('invalid-definition', 'until takes a predicate of the state');
      const due = this.#due(limit);
      return this.#execution.wait(
        { kind: 'until', name: 'until', predicate },
        (call) => ({ scheduled: { kind: 'until', call, ...due } }),
        16,
      );
    }).promise;
  }

  callback(spec: { readonly output: AnySchema } & Limit): Promise<unknown> & { readonly token: string } {
    const { identity, host } = this.#execution;
    const { promise, call = 0 } = this.#checked(() => {
      const due = this.#due(spec);
      const { output } = spec;
      return this.#execution.wait(
        { kind: 'callback', name: 'callback', output },
        (at) => ({ scheduled: { kind: 'callback', call: at, ...due } }),
        16,
      );
    });
    const { type, entityId: id, id: run, seed } = identity;
    return Object.assign(promise, { token: writeCallbackToken({ type, id, run, call }, host.digest(secretText(seed, run, call))) });
  }

  map<X, O>(
    items: Iterable<X>,
    work: (item: X, index: number) => Promise<O>,
    options: { readonly concurrency?: number } = {},
  ): Promise<O[]> {
    return mapItems(this.#execution, items, work, options.concurrency ?? LIMITS.maxMapStarts);
  }

  saga<O>(body: (saga: SagaContext) => Promise<O>): Promise<O> {
    const scope = new SagaScope(this.#saga);
    const context = new SagaContext(this.#execution, this.#definition, scope);
    const undo = (what: unknown, stepCall: number | undefined) => this.#begin(what, stepCall, true).promise;
    return runSaga(this.#execution, scope, async () => body(context), undo);
  }

  patched(change: string): boolean {
    return this.#execution.patched(change);
  }

  #due({ timeout }: Limit): { readonly dueAt?: number } {
    return timeout === undefined ? {} : { dueAt: dueAt(this.#execution.segments.scope.nowMs, timeout) };
  }

  #begin(what: unknown, stepCall: number | undefined, shielded: boolean): Begun {
    return this.#checked(() => (isTask(what) ? this.#activity(what, stepCall, shielded) : this.#message(what as SignalMessage, shielded)));
  }

  #activity(task: Task, stepCall: number | undefined, shielded: boolean): Begun {
    const execution = this.#execution;
    const declaration = activityOf(task);
    const { activity, options } = declaration;
    if (!execution.segments.isReplaying && !execution.host.hasActivity(activity)) {
      throw new PerdureError(
        'unknown-activity',
        `no activity '${activity}' is registered on this node: add it to the program's activities`,
      );
    }
    const input = inputOf(declaration, task.input);
    const bytes = boundedSize(input, `input of activity ${activity}`, LIMITS.maxActivityBytes);
    const scheduled = {
      ...{ kind: 'activity' as const, activity, input, policy: recordedPolicy(options), incarnation: execution.host.incarnation },
      ...(stepCall === undefined ? {} : { key: idempotencyKey(execution.host, execution.identity, stepCall) }),
      ...(shielded ? { shielded: true as const } : {}),
    };
    return execution.wait(
      { kind: 'activity', name: activity },
      (call) => ({ scheduled: { ...scheduled, call } }),
      bytes + activity.length,
      shielded,
    );
  }

  #message(message: Envelope, shielded: boolean): Begun {
    const execution = this.#execution;
    const { type, id, name, payload } = checkedAddress(message);
    const bytes = plainSize(payload, `payload of ${type}.${name}`) + type.length + id.length + name.length;
    const shown = `${type}/${id} ${name}`;
    const shield = shielded ? { shielded: true as const } : {};
    if (execution.host.isQuery(type, name)) {
      const asked = { kind: 'query' as const, message: { type, id, name, payload }, incarnation: execution.host.incarnation, ...shield };
      return execution.wait({ kind: 'query', name: shown }, (call) => ({ scheduled: { ...asked, call } }), bytes, shielded);
    }
    const { chain } = execution.identity;
    const sent = { type, id, name, payload, ...(chain.length === 0 ? {} : { chain }), ...shield };
    return execution.wait({ kind: 'signal', name: shown }, (call) => ({ sent: { ...sent, call } }), bytes, shielded);
  }

  /** X1. */
  #checked(work: () => Begun): Begun {
    try {
      return work();
    } catch (error) {
      throw this.#execution.segments.spoilt(error);
    }
  }
}

/** A run in a saga. */
export class SagaContext extends RunContext {
  readonly #scope: SagaScope;

  constructor(execution: RunExecution, definition: EntityDefinition, scope: SagaScope) {
    super(execution, definition, scope);
    this.#scope = scope;
  }

  compensate(step: unknown): void {
    this.#scope.register(step);
  }
}

function isTask(what: unknown): what is Task {
  return typeof what === 'object' && what !== null && 'activity' in what;
}

/** The input as the activity gets it. Throws `invalid-payload` naming the field. */
function inputOf({ activity, input }: ActivityDeclaration, given: unknown): unknown {
  const checked = validate(input, given);
  if (checked.ok) return checked.value === undefined ? null : checked.value;
  throw new PerdureError('invalid-payload', `the input of activity ${activity}: ${firstIssue(checked.issues)}`, checked.issues);
}
