import { isRejection, Rejection } from '../rejection.ts';
import { checkName, onlyKeys } from './message.ts';
import type { ActivityOf, ActivityOptions, ActivitySpec, AnyActivity, AnySchema, NoInput, NoOutput, Schema } from './types.ts';

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
 * `run.call`. Throws `invalid-definition` for unknown options.
 */
export function activity<I extends Schema = NoInput, O extends Schema = NoOutput, const C extends readonly string[] = readonly []>(
  name: string,
  spec: ActivitySpec<I, O, C> = {},
): ActivityOf<I, O, C[number]> {
  checkName('activity', name);
  onlyKeys(`activity ${name}`, spec, ['input', 'output', 'rejects', ...OPTIONS]);
  const { input, output, rejects = [], ...options } = spec;
  return makeActivity({ activity: name, input, output, rejects, options });
}

function makeActivity(declaration: ActivityDeclaration): AnyActivity {
  const { activity: name, rejects } = declaration;
  return Object.assign((input?: unknown) => ({ activity: name, input: input === undefined ? {} : input, options: declaration.options }), {
    activity: name,
    [ACTIVITY]: declaration,
    with: (options: ActivityOptions) => {
      onlyKeys(`activity ${name}`, options, OPTIONS);
      return makeActivity({ ...declaration, options: { ...declaration.options, ...options } });
    },
    reject: (code: string, details?: unknown) => new Rejection(code, details, name),
    rejected: (error: unknown, ...codes: readonly string[]): error is Rejection =>
      isRejection(error) && error.by === name && (codes.length === 0 ? rejects : codes).includes(error.code),
    implement: (work: unknown) => ({ activity: name, work, [ACTIVITY]: declaration }),
  }) as AnyActivity;
}
