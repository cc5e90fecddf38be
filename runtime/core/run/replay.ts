import { Bookkeeping } from '../bookkeeping.ts';
import type { EntityDefinition, Handler } from '../definition/erased.ts';
import type { AnyDurableHandler } from '../definition/types.ts';
import { errorText } from '../errors.ts';
import type { StallReason } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { isRejection } from '../rejection.ts';
import { TurnContext } from '../turn/context.ts';
import type { TurnEnv } from '../turn/step.ts';
import { commandOf, firstDifference } from './commands.ts';
import { RunContext } from './context.ts';
import { RunExecution } from './execution.ts';
import type { Command, OpenRun, RunInput } from './open-run.ts';

/**
 * Replay: the handler of one run is executed again, alone, against its recorded inputs, until it stands where the run stands.
 *
 * Invariants:
 * Y1. A segment sees its own trigger, time, randomness and state, and nothing of what else happened.
 * Y2. What a segment asks for is compared with what was recorded of it; the first difference ends the replay.
 * Y3. Nothing that is asked for in a replay takes effect.
 */

/** What a replay came to: an execution that waits where the run waits, or why there is none. */
export type Revived = { readonly ok: true; readonly execution: RunExecution } | { readonly ok: false; readonly reason: StallReason };

/** The durable handler of a run, undefined if the code at hand has none. */
export function handlerOf(
  definition: EntityDefinition,
  run: { readonly name: string; readonly of: 'signal' | 'timer' },
): AnyDurableHandler | undefined {
  const handler: Handler | undefined = (run.of === 'signal' ? definition.signals : definition.timers).get(run.name);
  return handler === undefined || handler.mode === 'plain' ? undefined : handler.run;
}

/** An execution of an open run that has not begun. */
export function executionOf(definition: EntityDefinition, entityId: string, run: OpenRun, env: TurnEnv): RunExecution {
  const { id, name, seed, meta, versions } = run;
  return new RunExecution(
    { type: definition.type, entityId, id, name, seed, meta, chain: chainOf(definition, entityId, run), versions },
    env.runs,
  );
}

/** What waits for whatever a run calls: the chain that it was called with, and its own entity if it is serial. */
export function chainOf(
  definition: EntityDefinition,
  entityId: string,
  run: { readonly serial: boolean; readonly chain?: readonly string[] | undefined },
): readonly string[] {
  const { chain = [], serial } = run;
  return serial ? [...chain, `${definition.type}/${entityId}`] : chain;
}

/**
 * Runs one segment: opens it, lets it begin, and yields for every drain that it needs. Returns the state after it; what it asked for is in the context.
 */
export function* segmentSteps(
  execution: RunExecution,
  segment: { readonly nowMs: number; readonly isReplaying: boolean; readonly makeContext: (seed: string) => TurnContext },
  begin: () => void,
): Generator<void, { readonly context: TurnContext; readonly state: unknown }> {
  const context = execution.open(segment.makeContext, segment.nowMs, segment.isReplaying);
  begin();
  do yield;
  while (execution.idlers.wake());
  const state = context.state();
  execution.segments.close();
  return { context, state };
}

/** Replays the first `count` inputs of a run. Yields for every drain. */
export function* revive(
  ground: { readonly definition: EntityDefinition; readonly id: string },
  run: OpenRun,
  count: number,
  env: TurnEnv,
  isStrict = false,
): Generator<void, Revived> {
  const { definition, id } = ground;
  const handler = handlerOf(definition, run);
  if (handler === undefined) return diverged(run, 0, [], [], `${definition.type} has no durable handler for '${run.name}'`);
  const execution = executionOf(definition, id, run, env);
  for (let at = 0; at < count; at += 1) {
    const input = run.inputs[at];
    if (input === undefined) break;
    const { context } = yield* segmentSteps(
      execution,
      { nowMs: input.timeMs, isReplaying: true, makeContext: (seed) => replayContext(ground, run, input, seed, env) },
      () => beginWith(execution, handler, definition, input, env),
    );
    const difference = differenceOf(execution, input, context, isStrict, run.isOver && at === run.inputs.length - 1);
    if (difference !== undefined) return diverged(run, at, input.commands, difference.replayed, difference.why);
  }
  return { ok: true, execution };
}

/** Starts the handler, or hands it the trigger. */
export function beginWith(
  execution: RunExecution,
  handler: AnyDurableHandler,
  definition: EntityDefinition,
  { trigger }: Pick<RunInput, 'trigger'>,
  env: TurnEnv,
): void {
  if (trigger.kind === 'started') execution.start(handler, new RunContext(execution, definition), env.freeze(trigger.input));
  else execution.deliver(trigger);
}

function replayContext(
  ground: { readonly definition: EntityDefinition; readonly id: string },
  run: OpenRun,
  input: RunInput,
  seed: string,
  env: TurnEnv,
): TurnContext {
  const { definition, id } = ground;
  return new TurnContext(
    { definition, id, state: input.state, books: NO_BOOKS },
    { meta: run.meta, signalId: run.id, index: 0, seed },
    { ...env, nowMs: input.timeMs },
  );
}
/** Timers of a replay change nothing (Y3). */
const NO_BOOKS = new Bookkeeping();

/** How a replayed segment differs from what was recorded of it, undefined if it does not. */
function differenceOf(execution: RunExecution, input: RunInput, context: TurnContext, isStrict: boolean, endsHere: boolean) {
  const replayed = context.records.flatMap((record) => commandOf(record) ?? []);
  const poison = context.poison ?? execution.segments.poison;
  if (poison !== undefined) return { replayed, why: `the code at hand threw ${errorText(poison)}` };
  const { settled } = execution;
  // The last segment of a run that rejected asked for nothing that stood.
  if (endsHere && settled?.kind === 'threw' && isRejection(settled.error) && input.commands.length === 0) return undefined;
  const at = firstDifference(input.commands, replayed, isStrict);
  if (at !== undefined) return { replayed, why: `command ${at + 1} differs` };
  if (settled !== undefined && !endsHere) return { replayed, why: 'the code at hand ends here, the run went on' };
  return undefined;
}

function diverged(run: OpenRun, at: number, recorded: readonly Command[], replayed: readonly Command[], why: string): Revived {
  const shown = (commands: readonly Command[]) => commands.slice(0, LIMITS.maxShownCommands).map(({ what }) => what);
  const trigger = run.inputs[at]?.trigger;
  return {
    ok: false,
    reason: {
      resumes: 'nothing',
      code: 'replay-diverged',
      message: `run ${run.id} of ${run.name}: segment ${at + 1} does not come out as recorded: ${why}`,
      details: { segment: at + 1, trigger: trigger?.kind ?? '', recorded: shown(recorded), replayed: shown(replayed) },
    },
  };
}
