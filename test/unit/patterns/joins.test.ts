import { durable, entity, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow, Part, part, some } from './workflow.ts';

test('WCP-9 Structured Discriminator', async () => {
  const discriminator = flow(async (run) => {
    for (const round of [1, 2]) {
      const branches = ['A', 'B', 'C'].map((name) => run.call(work(`${name}${round}`)));
      await Promise.race(branches);
      await run.call(work(`D${round}`));
      await Promise.all(branches);
    }
  });
  await play([discriminator], async (stage) => {
    stage.hold('A1', 'B1', 'C1', 'A2', 'B2', 'C2');
    await stage.send(Flow('1').start());
    await stage.release('B1');
    expect(stage.trace).toEqual(['B1', 'D1']);
    await stage.release('A1');
    expect(stage.open).toEqual(['C1']);
    await stage.release('C1');
    expect(stage.trace).toEqual(['B1', 'D1', 'A1', 'C1']);
    expect(stage.open).toEqual(['A2', 'B2', 'C2']);
    await stage.release('C2', 'B2', 'A2');
    expect(stage.trace.slice(4)).toEqual(['C2', 'D2', 'B2', 'A2']);
  });
});

test('WCP-29 Cancelling Discriminator', async () => {
  const race = part((run) => Promise.race(['A', 'B', 'C'].map((name) => run.call(work(name)))));
  const discriminator = flow(async (run) => {
    await run.call(Part(run.id).start());
    await run.call(work('D'));
  });
  await play([race, discriminator], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start());
    expect(stage.open).toEqual(['A', 'B', 'C']);
    await stage.release('B');
    expect(stage.trace).toEqual(['B', 'D']);
    expect(stage.open).toEqual([]);
    await stage.release('A', 'C');
    expect(stage.trace).toEqual(['B', 'D']);
  });
});

test('WCP-30 Structured Partial Join', async () => {
  const join = flow(async (run) => {
    const branches = ['A', 'B', 'C'].map((name) => run.call(work(name)));
    await some(2, branches);
    await run.call(work('D'));
    await Promise.all(branches);
    await run.call(work('E'));
  });
  await play([join], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start());
    await stage.release('C');
    expect(stage.trace).toEqual(['C']);
    await stage.release('A');
    expect(stage.trace).toEqual(['C', 'A', 'D']);
    expect(stage.open).toEqual(['B']);
    await stage.release('B');
    expect(stage.trace).toEqual(['C', 'A', 'D', 'B', 'E']);
  });
});

test('WCP-32 Cancelling Partial Join', async () => {
  const firstTwo = part((run) =>
    some(
      2,
      ['A', 'B', 'C'].map((name) => run.call(work(name))),
    ),
  );
  const join = flow(async (run) => {
    await run.call(Part(run.id).start());
    await run.call(work('D'));
  });
  await play([firstTwo, join], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start());
    await stage.release('C');
    expect(stage.trace).toEqual(['C']);
    await stage.release('A');
    expect(stage.trace).toEqual(['C', 'A', 'D']);
    expect(stage.open).toEqual([]);
    await stage.release('B');
    expect(stage.trace).toEqual(['C', 'A', 'D']);
  });
});

/** Branches that may arrive more than once before a join has been reset: the state counts them, so none is lost. */
type Branch = 'A' | 'B' | 'C';
const Join = entity('join', { start: signal({ once: true }), arrive: signal({ input: typed<Branch>() }) });
type Arrived = Readonly<Record<Branch, number>>;
const joinModel = Join.fold((): Arrived => ({ A: 0, B: 0, C: 0 }), {
  Arrived: (s, e: { branch: Branch }) => ({ ...s, [e.branch]: s[e.branch] + 1 }),
});
const arrivedIn = (s: Arrived, round: number) => Object.values(s).filter((times) => times >= round).length;

/** Fires when `quorum` branches have arrived, and is reset when all three have. */
const joinOf = (quorum: number) =>
  joinModel.implement({
    signals: {
      start: durable(async (join) => {
        for (const round of [1, 2]) {
          await join.until((s) => arrivedIn(s, round) >= quorum);
          await join.call(work(`D${round}`));
          await join.until((s) => arrivedIn(s, round) === 3);
        }
      }),
      arrive(join, branch) {
        join.emit.Arrived({ branch });
      },
    },
  });

test('WCP-28 Blocking Discriminator', async () => {
  await play([joinOf(1)], async (stage) => {
    await stage.send(Join('1').start());
    await stage.send(Join('1').arrive('B'));
    expect(stage.trace).toEqual(['D1']);
    for (const branch of ['B', 'A'] as const) await stage.send(Join('1').arrive(branch));
    expect(stage.trace).toEqual(['D1']);
    await stage.send(Join('1').arrive('C'));
    expect(stage.trace).toEqual(['D1', 'D2']);
  });
});

test('WCP-31 Blocking Partial Join', async () => {
  await play([joinOf(2)], async (stage) => {
    await stage.send(Join('1').start());
    for (const branch of ['B', 'B'] as const) await stage.send(Join('1').arrive(branch));
    expect(stage.trace).toEqual([]);
    await stage.send(Join('1').arrive('A'));
    expect(stage.trace).toEqual(['D1']);
    await stage.send(Join('1').arrive('A'));
    expect(stage.trace).toEqual(['D1']);
    await stage.send(Join('1').arrive('C'));
    expect(stage.trace).toEqual(['D1', 'D2']);
  });
});

test('WCP-33 Generalized AND-Join', async () => {
  await play([joinOf(3)], async (stage) => {
    await stage.send(Join('1').start());
    for (const branch of ['A', 'A', 'B', 'B'] as const) await stage.send(Join('1').arrive(branch));
    expect(stage.trace).toEqual([]);
    await stage.send(Join('1').arrive('C'));
    expect(stage.trace).toEqual(['D1']);
    await stage.send(Join('1').arrive('C'));
    expect(stage.trace).toEqual(['D1', 'D2']);
  });
});
