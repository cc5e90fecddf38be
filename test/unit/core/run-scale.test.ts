import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import type { Input } from '../../../runtime/core/turn/input.ts';
import { anything, doing, type FlowHandler, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { sig } from './world.ts';

/** CPU milliseconds of the fastest of several rounds of turns. */
async function fastest(world: RunWorld, rounds: readonly (readonly Input[])[]): Promise<number> {
  const taken: number[] = [];
  for (const inputs of rounds) {
    const before = process.cpuUsage();
    for (const input of inputs) await world.turn([input]);
    taken.push(process.cpuUsage(before).user / 1_000);
  }
  return Math.min(...taken);
}

function large(go: FlowHandler): RunWorld {
  const world = new RunWorld(doing({ go }));
  world.compares = false;
  world.maxTurnBytes = Number.MAX_SAFE_INTEGER;
  return world;
}

const ROUNDS = 6;
const PER_ROUND = 100;
function rounds(make: (at: number) => Input): readonly (readonly Input[])[] {
  return Array.from({ length: ROUNDS }, (_, round) => Array.from({ length: PER_ROUND }, (__, at) => make(round * PER_ROUND + at)));
}

describe('what a message costs', () => {
  it('an outcome for a run with ten thousand open calls costs what it costs with a few', async () => {
    const cost = async (calls: number) => {
      const world = large((run) => Promise.all(Array.from({ length: calls }, (_, at) => run.call(pay(at)))));
      await world.turn([sig('go', 0, { signalId: 'go' })]);
      const done = { kind: 'completed', value: 1 } as const;
      return fastest(
        world,
        rounds((at) => ({ kind: 'outcome', run: 'go', call: at + 1, attempt: 1, outcome: done })),
      );
    };
    await cost(700);
    expect(await cost(LIMITS.maxCallsPerRun)).toBeLessThan(2.5 * (await cost(700)) + 5);
  });

  it('a message costs the same however many runs wait for calls and time', async () => {
    const cost = async (runs: number) => {
      const world = large((run, input) => (input === 'call' ? run.call(pay(1)) : run.sleep(1_000)));
      const starts = Array.from({ length: runs }, (_, at) => sig('go', at % 2 === 0 ? 'call' : 'sleep', { signalId: `go${at}` }));
      for (let at = 0; at < runs; at += 500) await world.turn(starts.slice(at, at + 500));
      return fastest(
        world,
        rounds(() => sig('poke', 0)),
      );
    };
    await cost(100);
    expect(await cost(9_000)).toBeLessThan(2.5 * (await cost(100)) + 5);
  });

  it('T1: predicates are asked when the state has changed, or their own run has moved', async () => {
    let asked = 0;
    const world = large(async (run, input) => {
      await run.until(({ n }) => {
        asked += 1;
        return n === input;
      });
      return null;
    });
    for (let at = 1; at <= 20; at += 1) await world.signal('go', at, `go${at}`);
    expect(asked).toBe(20);
    await world.signal('stop', 'queue', 'a');
    expect(asked).toBe(20);
    await world.signal('poke', 100, 'b');
    expect(asked).toBe(40);
    await world.signal('poke', -95, 'c');
    // All once more, and the one that is true also when its run goes on by it.
    expect([world.outcomeOf('go5'), asked]).toEqual([{ kind: 'completed', value: null }, 61]);
  });

  it('T1: a predicate of what the handler knows is asked again when its run has moved, also if the state is the same', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const paid: unknown[] = [];
            const both = run.until(() => paid.length === 2).then(() => 'both paid');
            for (const n of [1, 2]) void run.call(pay(n)).then((one) => paid.push(one));
            return both;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.completed('go', 2);
        await one.completed('go', 3);
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'both paid' });
  });

  it('runs that have ended leave nothing in memory', async () => {
    const world = large(async (run) => {
      await Promise.race([run.sleep(1), run.call(pay(1)), run.until(() => false), run.callback({ output: anything })]);
      return null;
    });
    for (let at = 0; at < 50; at += 1) {
      await world.signal('go', 0, `go${at}`);
      await world.completed(`go${at}`, 2);
    }
    const { runs } = world.image.books;
    expect([runs.open.size, runs.waits.size, runs.attempts.size, runs.attention.inOrder().length, world.image.live?.size]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(world.image.books.window.size).toBe(50);
  });
});
