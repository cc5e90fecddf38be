import { isRejection, Rejection } from '../rejection.ts';
import { checkCount, checkDuration, checkName, checkRejects, checkSchema, onlyKeys, refuse } from './checks.ts';
import { carried } from './erased.ts';
import type {
  ActivityLimits,
  ActivityOf,
  ActivityOptions,
  ActivitySpec,
  AnyActivity,
  AnySchema,
  NoInput,
  NoOutput,
  Schema,
} from './types.ts';

/** Under this key a task carries the options of its call, and an activity its erased declaration. */
export const ACTIVITY = Symbol.for('perdure.activity');

export interface ActivityDeclaration {
  readonly activity: string;
  readonly input: AnySchema | undefined;
  readonly output: AnySchema | undefined;
  readonly rejects: readonly string[];
  readonly options: ActivityOptions;
}

const OPTIONS = ['retry', 'timeout', 'deadline', 'heartbeat'];

/**
 * Declares an activity where it is called; what it does is given by `.implement(…)` where its dependencies are. Call it to make a task for
 * `run.call`. Throws `invalid-definition` for unknown options and wrong values.
 */
export function activity<I extends Schema = NoInput, O extends Schema = NoOutput, const C extends readonly string[] = readonly []>(
  name: string,
  spec: ActivitySpec<I, O, C> = {},
): ActivityOf<I, O, C[number]> {
  checkName('activity', name);
  onlyKeys(`activity ${name}`, spec, ['input', 'output', 'rejects', ...OPTIONS]);
  const { input, output, rejects = [], ...options } = spec;
  checkSchema(`input of activity ${name}`, input);
  checkSchema(`output of activity ${name}`, output);
  checkRejects(`activity ${name}`, rejects);
  checkOptions(name, options);
  return makeActivity({ activity: name, input, output, rejects, options });
}

function makeActivity(declaration: ActivityDeclaration): AnyActivity {
  const { activity: name, rejects } = declaration;
  // Under a symbol: the declaration is no part of what travels.
  const task = (input?: unknown) => ({ activity: name, input: input === undefined ? {} : input, [ACTIVITY]: declaration });
  return Object.assign(task, {
    activity: name,
    [ACTIVITY]: declaration,
    with: (options: ActivityOptions) => {
      onlyKeys(`activity ${name}`, options, OPTIONS);
      checkOptions(name, options);
      return makeActivity({ ...declaration, options: { ...declaration.options, ...options } });
    },
    reject: (code: string, details?: unknown) => new Rejection(code, details, name),
    rejected: (error: unknown, ...codes: readonly string[]): error is Rejection =>
      isRejection(error) && error.by === name && (codes.length === 0 ? rejects : codes).includes(error.code),
    implement: (work: unknown, limits: ActivityLimits = {}) => {
      if (typeof work !== 'function') refuse(`activity ${name}: implement takes a function, not ${typeof work}`);
      checkLimits(name, limits);
      return { activity: name, work, limits, [ACTIVITY]: declaration };
    },
  }) as AnyActivity;
}

function checkLimits(name: string, limits: ActivityLimits): void {
  const what = `limits of activity ${name}`;
  onlyKeys(what, limits, ['concurrency', 'ratePerSecond']);
  checkCount(`${what}: concurrency`, limits.concurrency);
  const { ratePerSecond = 1 } = limits;
  if (!(Number.isFinite(ratePerSecond) && ratePerSecond > 0)) refuse(`${what}: ratePerSecond must be a number above 0`);
}

/** The declaration that a task or an implementation carries. Throws `invalid-definition` for anything else. */
export function activityOf(value: unknown): ActivityDeclaration {
  const declaration = carried<ActivityDeclaration>(value, ACTIVITY);
  if (declaration === undefined) refuse('not of an activity: pass what activity(…)(input) or .implement(…) returned');
  return declaration;
}

function checkOptions(name: string, { retry, timeout, deadline, heartbeat }: ActivityOptions): void {
  const what = `activity ${name}`;
  checkDuration(`${what}: timeout`, timeout, true);
  checkDuration(`${what}: deadline`, deadline, true);
  checkDuration(`${what}: heartbeat`, heartbeat, true);
  if (retry === undefined) return;
  onlyKeys(`retry of ${what}`, retry, ['initial', 'factor', 'max', 'attempts']);
  checkDuration(`retry of ${what}: initial`, retry.initial, false);
  checkDuration(`retry of ${what}: max`, retry.max, false);
  checkCount(`retry of ${what}: attempts`, retry.attempts);
  const { factor = 1 } = retry;
  if (!(Number.isFinite(factor) && factor >= 1)) refuse(`retry of ${what}: factor must be a number from 1`);
}
