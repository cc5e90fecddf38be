import { durable, entity, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow } from './workflow.ts';

test('WCP-6 Multi-Choice', async () => {
  const choice = flow(async (run, { choose = [] }) => {
    await Promise.all(['A', 'B', 'C'].filter((name) => choose.includes(name)).map((name) => run.call(work(name))));
  });
  await play([choice], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start({ choose: ['C', 'A'] }));
    expect(stage.open).toEqual(['A', 'C']);
    await stage.release('A', 'B', 'C');
    expect(stage.trace).toEqual(['A', 'C']);
  });
});

test('WCP-7 Structured Synchronizing Merge', async () => {
  const merge = flow(async (run, { choose = [] }) => {
    await run.map(choose, (name) => run.call(work(name)));
    await run.call(work('D'));
  });
  await play([merge], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('two').start({ choose: ['A', 'C'] }));
    await stage.release('A');
    expect(stage.trace).toEqual(['A']);
    await stage.release('C');
    expect(stage.trace).toEqual(['A', 'C', 'D']);
    await stage.send(Flow('one').start({ choose: ['B'] }));
    await stage.release('B');
    expect(stage.trace).toEqual(['A', 'C', 'D', 'B', 'D']);
  });
});

test('WCP-8 Multi-Merge', async () => {
  const merge = flow(async (run) => {
    await run.map(['A', 'B'], async (name) => {
      await run.call(work(name));
      await run.call(work('C'));
    });
  });
  await play([merge], async (stage) => {
    stage.hold('A', 'B');
    await stage.send(Flow('1').start());
    await stage.release('B');
    expect(stage.trace).toEqual(['B', 'C']);
    await stage.release('A');
    expect(stage.trace).toEqual(['B', 'C', 'A', 'C']);
  });
});

test('WCP-37 Acyclic Synchronizing Merge', async () => {
  const Merge = entity('merge', {
    start: signal({ input: typed<readonly string[]>(), once: true }),
    branch: signal({ input: typed<string>() }),
  });
  const model = Merge.fold((): { chosen: readonly string[]; arrived: readonly string[] } => ({ chosen: [], arrived: [] }), {
    Split: (s, e: { chosen: readonly string[] }) => ({ ...s, chosen: e.chosen }),
    Arrived: (s, e: { name: string }) => ({ ...s, arrived: [...s.arrived, e.name] }),
  });
  const merge = model.implement({
    signals: {
      start: durable(async (run, chosen) => {
        run.emit.Split({ chosen });
        for (const name of chosen) run.send(Merge(run.id).branch(name));
        await run.until((s) => s.chosen.every((name) => s.arrived.includes(name)));
        await run.call(work('D'));
      }),
      branch: durable(async (run, name) => {
        await run.call(work(name));
        run.emit.Arrived({ name });
      }),
    },
  });
  await play([merge], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Merge('1').start(['A', 'C']));
    expect(stage.open).toEqual(['A', 'C']);
    await stage.release('C');
    expect(stage.trace).toEqual(['C']);
    await stage.release('A');
    expect(stage.trace).toEqual(['C', 'A', 'D']);
  });
});

test('WCP-38 General Synchronizing Merge', async () => {
  const Merge = entity('merge', {
    start: signal({ input: typed<readonly string[]>(), once: true }),
    branch: signal({ input: typed<string>() }),
  });
  const model = Merge.fold((): { coming: number } => ({ coming: 0 }), {
    Split: (s, e: { branches: number }) => ({ coming: s.coming + e.branches }),
    Arrived: (s) => ({ coming: s.coming - 1 }),
  });
  const merge = model.implement({
    signals: {
      start: durable(async (run, names) => {
        run.emit.Split({ branches: names.length });
        for (const name of names) run.send(Merge(run.id).branch(name));
        await run.until((s) => s.coming === 0);
        await run.call(work('D'));
      }),
      branch: durable(async (run, name) => {
        await run.call(work(name));
        if (name === 'B') {
          run.emit.Split({ branches: 1 });
          run.send(Merge(run.id).branch('B again'));
        }
        run.emit.Arrived();
      }),
    },
  });
  await play([merge], async (stage) => {
    stage.hold('A', 'B', 'B again');
    await stage.send(Merge('1').start(['A', 'B']));
    await stage.release('A', 'B');
    expect(stage.trace).toEqual(['A', 'B']);
    expect(stage.open).toEqual(['B again']);
    await stage.release('B again');
    expect(stage.trace).toEqual(['A', 'B', 'B again', 'D']);
  });
});

test('WCP-41 Thread Merge', async () => {
  const merge = flow(async (run) => {
    let arrived = 0;
    await run.map(['A1', 'A2', 'A3', 'A4'], async (name) => {
      await run.call(work(name));
      arrived += 1;
      if (arrived % 2 === 0) await run.call(work('B'));
    });
  });
  await play([merge], async (stage) => {
    stage.hold('A1', 'A2', 'A3', 'A4');
    await stage.send(Flow('1').start());
    await stage.release('A3');
    expect(stage.trace).toEqual(['A3']);
    await stage.release('A1', 'A2');
    expect(stage.trace).toEqual(['A3', 'A1', 'B', 'A2']);
    await stage.release('A4');
    expect(stage.trace).toEqual(['A3', 'A1', 'B', 'A2', 'A4', 'B']);
  });
});

test('WCP-42 Thread Split', async () => {
  const split = flow(async (run) => {
    await run.call(work('A'));
    await run.map([1, 2, 3], async (thread) => {
      await run.call(work(`B${thread}`));
      await run.call(work(`C${thread}`));
    });
  });
  await play([split], async (stage) => {
    stage.hold('B1', 'B2', 'B3');
    await stage.send(Flow('1').start());
    expect(stage.trace).toEqual(['A']);
    expect(stage.open).toEqual(['B1', 'B2', 'B3']);
    await stage.release('B2');
    expect(stage.trace).toEqual(['A', 'B2', 'C2']);
    await stage.release('B3', 'B1');
    expect(stage.trace).toEqual(['A', 'B2', 'C2', 'B3', 'C3', 'B1', 'C1']);
  });
});
