import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { emptyImage } from '../../../runtime/core/image.ts';
import type { OpenCall, OpenRun } from '../../../runtime/core/run/open-run.ts';
import { doing } from './runs/flow.ts';
import { execute, type Program, programs } from './runs/program.ts';
import { everyWay, type RunWorld } from './runs/run-world.ts';
import { fold } from './world.ts';

const reply = (call: number) => ({ type: 'boss', id: 'b', run: 'r', call });
const declined = { kind: 'rejected', code: 'declined', details: { why: 'x' }, by: 'pay', message: 'declined' } as const;

/** One thing that happens: what exactly, depends on what there is when it does. */
interface Happening {
  readonly what: 'settle' | 'pass' | 'poke' | 'start' | 'call' | 'stop' | 'pause' | 'cancel' | 'hang' | 'stray';
  readonly pick: number;
}
const happenings = fc.array(
  fc.record({
    what: fc.oneof(
      { weight: 6, arbitrary: fc.constant('settle' as const) },
      { weight: 2, arbitrary: fc.constantFrom('pass' as const, 'poke' as const) },
      { weight: 1, arbitrary: fc.constantFrom('start' as const, 'call' as const, 'stop' as const, 'pause' as const, 'hang' as const) },
      { weight: 1, arbitrary: fc.constantFrom('cancel' as const, 'stray' as const) },
    ),
    pick: fc.nat(1_000),
  }),
  { maxLength: 25 },
);

/** Plays what happens; then everything settles. */
async function play(world: RunWorld, script: readonly Happening[]): Promise<void> {
  await world.signal('go', 0, 'r0');
  for (const [at, { what, pick }] of script.entries()) await happen(world, what, pick, `r${at + 1}`);
  await settleAll(world);
}

async function happen(world: RunWorld, what: Happening['what'], pick: number, id: string): Promise<void> {
  if (what === 'settle') await settle(world, pick);
  else if (what === 'pass') await world.pass();
  else if (what === 'poke') await world.signal('poke', pick % 5, id);
  else if (what === 'start') await world.update(pick % 2 === 0 ? 'go' : 'queue', 0, id);
  else if (what === 'call') await world.signal(pick % 2 === 0 ? 'one' : 'queue', 0, id, { reply: reply(Number(id.slice(1))) });
  else if (what === 'stop') await world.signal('stop', pick % 2 === 0 ? 'go' : 'queue', id);
  else if (what === 'pause') await world.operator(world.image.books.paused === undefined ? 'pause' : 'resume');
  else if (what === 'hang') await world.cancelled(reply(pick % 25));
  else if (what === 'cancel') await world.operator('cancel');
  else await world.completed('nobody', pick);
}

/** Settles the picked one of all open calls, if it can be settled from outside. */
async function settle(world: RunWorld, pick: number): Promise<void> {
  const { books } = world.image;
  const open = books.hasRuns ? [...books.runs.open.values()].flatMap((run) => [...run.calls.values()].map((call) => ({ run, call }))) : [];
  const picked = open[pick % Math.max(open.length, 1)];
  if (picked !== undefined) await settleOne(world, picked.run, picked.call, pick);
}

async function settleOne(world: RunWorld, { id }: OpenRun, { what }: OpenCall, pick: number): Promise<void> {
  const way = pick % 7;
  if (what.kind === 'signal') {
    const outcome = way < 4 ? ({ kind: 'completed', value: pick } as const) : way < 6 ? declined : ({ kind: 'cancelled' } as const);
    await world.reply(id, what.call, outcome);
  } else if (what.kind === 'activity') {
    if (way < 3) await world.completed(id, what.call, pick);
    else if (way < 5) await world.outcome(id, what.call, declined);
    else if (way < 6) await world.outcome(id, what.call, { kind: 'failed', code: 'defect', message: 'tried' });
    else await world.outcome(id, what.call, { kind: 'lost', message: 'gone' });
  } else if (what.kind === 'callback') {
    const outcome = way < 5 ? { result: pick } : { error: { code: 'nope', message: 'nope' } };
    await world.callback(id, what.call, outcome, way === 6 ? 'forged' : undefined);
  }
}

/** Everybody answers, time passes, and stalled runs are terminated. */
async function settleAll(world: RunWorld): Promise<void> {
  if (world.image.books.paused !== undefined) await world.operator('resume');
  for (let rounds = 0; world.image.books.hasRuns && rounds < 400; rounds += 1) {
    const [run] = world.image.books.runs.open.values();
    if (run?.stalled !== undefined) {
      await world.operator(run.stalled.resumes === 'trigger' && rounds < 100 ? 'resumeRuns' : 'terminate', run.id);
      continue;
    }
    const call = [...(run?.calls.values() ?? [])].find(
      ({ what }) => what.kind === 'activity' || what.kind === 'signal' || what.kind === 'callback',
    );
    if (run !== undefined && call !== undefined) await settleOne(world, run, call, rounds * 7);
    else if (!(await world.pass())) await world.signal('poke', 100, `poke${rounds}`);
  }
  expect(world.image.books.hasRuns).toBe(false);
}

function definition(go: Program, other: Program): EntityDefinition {
  const run = (program: Program) => (one: Parameters<typeof execute>[0]) => execute(one, program);
  return doing({ go: run(go), queue: run(other), one: run(other) });
}

describe('random handlers', () => {
  it('E1, E3, Y1 to Y3, Q1: come to the same records with a crash, or a snapshot and a crash, after every turn', async () => {
    await fc.assert(
      fc.asyncProperty(programs, programs, happenings, async (go, other, script) => {
        const world = await everyWay(
          () => definition(go, other),
          (one) => play(one, script),
        );
        expectAccounts(world);
      }),
      { numRuns: 60 },
    );
  });
});

/** Every run ended once, every call got one reply, nothing is owed any more. */
function expectAccounts(world: RunWorld): void {
  const started = new Set(world.records.flatMap(({ type, meta }) => (/RunStarted|SignalReceived/.test(type) ? [meta.run ?? ''] : [])));
  for (const run of started) expect(world.outcomeOf(run)).toBeDefined();
  const replied = world.replies.map((payload) => (payload as { readonly call: number }).call);
  expect(new Set(replied).size).toBe(replied.length);
  const { runs } = world.image.books;
  expect([runs.waits.size, runs.attempts.size, runs.attention.inOrder(), runs.serial, world.image.live?.size ?? 0]).toEqual([
    0,
    0,
    [],
    undefined,
    0,
  ]);
  expect(fold(emptyImage(world.definition, '1'), world.turns).state).toEqual(world.image.state);
}
