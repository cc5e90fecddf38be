import fc from 'fast-check';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Batch, batch, work } from '../../../entities/batch.ts';
import { crashedAtEveryStep } from './crashing.ts';

const b = Batch('b');
let world: TestRuntime | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

/** A world whose tasks do what `task` does, and what was done. */
async function workshop(task: (n: number, signal: AbortSignal) => number | Promise<number> = (n) => n) {
  const begun: number[] = [];
  const started = await testRuntime({
    entities: [batch],
    activities: [
      work.implement(({ n }, { signal }) => {
        begun.push(n);
        return task(n, signal);
      }),
    ],
  });
  world = started;
  return { world: started, begun };
}

function sumOf(first: number, tasks: number): number {
  return tasks * first + (tasks * (tasks - 1)) / 2;
}

const sorted = (numbers: readonly number[]) => [...numbers].sort((one, other) => one - other);

describe('a batch', () => {
  it('that fits into one child does its tasks itself, each once', async () => {
    const { world, begun } = await workshop();
    expect(await world.update(b.start({ tasks: 250, childSize: 250 }))).toEqual({ done: 250, failed: 0, sum: sumOf(0, 250) });
    expect(sorted(begun)).toEqual(Array.from({ length: 250 }, (_, n) => n));
    expect(world.state(batch, 'b')).toEqual({ status: 'completed', done: 250, failed: 0, sum: sumOf(0, 250) });
    expect(world.events(batch, 'b').filter(({ type }) => type === 'Progressed').length).toBeLessThanOrEqual(3);
  });

  it('shares its tasks out among children and adds up what they come to', async () => {
    const { world, begun } = await workshop();
    expect(await world.update(b.start({ tasks: 105, childSize: 10, first: 7 }))).toEqual({ done: 105, failed: 0, sum: sumOf(7, 105) });
    expect(sorted(begun)).toEqual(Array.from({ length: 105 }, (_, n) => 7 + n));
    expect(world.state(batch, 'b.10')).toEqual({ status: 'completed', done: 5, failed: 0, sum: sumOf(107, 5) });
  });

  it('that needs more children than a run may have gives them children of their own', async () => {
    const { world } = await workshop();
    expect(await world.update(b.start({ tasks: 1_001, childSize: 1 }))).toEqual({ done: 1_001, failed: 0, sum: sumOf(0, 1_001) });
    expect(world.state(batch, 'b.0.1')).toMatchObject({ status: 'completed', done: 1, sum: 1 });
    expect(world.state(batch, 'b.500')).toMatchObject({ status: 'completed', done: 1, sum: 1_000 });
  });

  it('has children whatever its own id', async () => {
    const { world } = await workshop();
    expect(await world.update(Batch('x'.repeat(255)).start({ tasks: 4, childSize: 2 }))).toMatchObject({ done: 4, sum: 6 });
  });

  it('is right for any numbers', async () => {
    const range = fc.record({ tasks: fc.integer({ min: 1, max: 60 }), childSize: fc.integer({ min: 1, max: 70 }), first: fc.nat(9) });
    const { world } = await workshop();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(range, async ({ tasks, childSize, first }) => {
        count += 1;
        const tally = await world.update(Batch(`any-${count}`).start({ tasks, childSize, first }));
        expect(tally).toEqual({ done: tasks, failed: 0, sum: sumOf(first, tasks) });
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    { tasks: 0, childSize: 1 },
    { tasks: 10_000_001, childSize: 1 },
    { tasks: 1, childSize: 0 },
    { tasks: 1, childSize: 10_001 },
    { tasks: 1, childSize: 1, first: -1 },
    { tasks: 1, childSize: 1, first: 100_000_001 },
  ])('refuses the payload %j', async (range) => {
    const { world } = await workshop();
    await expect(world.update(b.start(range))).rejects.toMatchObject({ code: 'invalid-payload' });
  });

  it('is done once: started again it answers what it came to', async () => {
    const { world, begun } = await workshop();
    await world.update(b.start({ tasks: 3, childSize: 3 }));
    expect(await world.update(b.start({ tasks: 5, childSize: 3 }))).toEqual({ done: 3, failed: 0, sum: 3 });
    expect(begun).toHaveLength(3);
  });
});

describe('a task', () => {
  it('that is refused, or fails three times, has failed, and the others go on', async () => {
    const { world, begun } = await workshop((n) => {
      if (n === 2) throw work.reject('failed');
      if (n === 5) throw new Error('no luck');
      return n;
    });
    expect(await world.update(b.start({ tasks: 12, childSize: 4 }))).toEqual({ done: 10, failed: 2, sum: sumOf(0, 12) - 7 });
    expect(begun.filter((n) => n === 2)).toHaveLength(1);
    expect(begun.filter((n) => n === 5)).toHaveLength(3);
    expect(world.state(batch, 'b')).toMatchObject({ status: 'completed', failed: 2 });
  });

  it('that fails once is done', async () => {
    const failed = new Set<number>();
    const { world } = await workshop((n) => {
      if (failed.has(n)) return n;
      failed.add(n);
      throw new Error('try again');
    });
    expect(await world.update(b.start({ tasks: 20, childSize: 5 }))).toEqual({ done: 20, failed: 0, sum: sumOf(0, 20) });
  });
});

describe('a child', () => {
  it('whose id is taken has failed with all its tasks', async () => {
    const { world } = await workshop();
    await world.update(Batch('b.1').start({ tasks: 1, childSize: 1 }));
    expect(await world.update(b.start({ tasks: 6, childSize: 2 }))).toEqual({ done: 4, failed: 2, sum: 0 + 1 + 4 + 5 });
  });

  it('that is terminated has failed with all its tasks', async () => {
    const { world } = await workshop((n, signal) => (n === 2 ? untilAborted(signal) : n));
    const sent = await world.signal(b.start({ tasks: 6, childSize: 2 }));
    await world.admin({ type: 'batch', id: 'b.1', verb: 'terminate' });
    expect(await world.outcome(sent)).toEqual({ done: 4, failed: 2, sum: 0 + 1 + 4 + 5 });
  });
});

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

describe('cancel', () => {
  it('begins no further task, and counts what was done', async () => {
    const { world, begun } = await workshop((n, signal) => (n < 60 ? n : untilAborted(signal)));
    const sent = await world.signal(b.start({ tasks: 1_000, childSize: 1_000 }));
    await world.update(b.cancel());
    expect(await world.outcome(sent)).toEqual({ done: 60, failed: 0, sum: sumOf(0, 60) });
    expect(world.state(batch, 'b')).toMatchObject({ status: 'cancelled', done: 60 });
    expect(begun.length).toBeLessThan(200);
  });

  it('of a batch with children cancels them all, and adds up what they had done', async () => {
    const { world, begun } = await workshop((n, signal) => (n % 10 < 3 ? n : untilAborted(signal)));
    const sent = await world.signal(b.start({ tasks: 1_000, childSize: 10 }));
    const soFar = begun.length;
    await world.update(b.cancel());
    expect(await world.outcome(sent)).toMatchObject({ done: 30, failed: 0 });
    expect(world.state(batch, 'b')).toMatchObject({ status: 'cancelled' });
    expect(world.state(batch, 'b.0')).toMatchObject({ status: 'cancelled', done: 3 });
    expect(begun).toHaveLength(soFar);
  });

  it('of one that is over, or was never started, changes nothing', async () => {
    const { world } = await workshop();
    await world.update(b.cancel());
    expect(await world.update(b.start({ tasks: 3, childSize: 3 }))).toMatchObject({ done: 3 });
    await world.update(b.cancel());
    expect(world.state(batch, 'b').status).toBe('completed');
  });
});

describe('a crash at any moment', () => {
  it.each([
    { tasks: 5, childSize: 5 },
    { tasks: 9, childSize: 2 },
  ])('counts every task of %j once', async (range) => {
    await crashedAtEveryStep({
      world: () => testRuntime({ entities: [batch], activities: [work.implement(({ n }) => n)] }),
      act: (one) => one.update(b.start(range)),
      holds: async (one) => {
        expect(one.state(batch, 'b')).toEqual({ status: 'completed', done: range.tasks, failed: 0, sum: sumOf(0, range.tasks) });
      },
    });
  });
});
