import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow } from './workflow.ts';

test('WCP-1 Sequence', async () => {
  const sequence = flow(async (run) => {
    await run.call(work('A'));
    await run.call(work('B'));
    await run.call(work('C'));
  });
  await play([sequence], async (stage) => {
    stage.hold('B');
    await stage.send(Flow('1').start());
    expect(stage.trace).toEqual(['A']);
    expect(stage.open).toEqual(['B']);
    await stage.release('B');
    expect(stage.trace).toEqual(['A', 'B', 'C']);
  });
});

test('WCP-2 Parallel Split', async () => {
  const split = flow(async (run) => {
    await run.call(work('A'));
    await Promise.all([run.call(work('B')), run.call(work('C'))]);
  });
  await play([split], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start());
    expect(stage.open).toEqual(['A']);
    await stage.release('A');
    expect(stage.open).toEqual(['B', 'C']);
    await stage.release('C', 'B');
    expect(stage.trace).toEqual(['A', 'C', 'B']);
  });
});

test('WCP-3 Synchronization', async () => {
  const synchronization = flow(async (run) => {
    await Promise.all([run.call(work('A')), run.call(work('B'))]);
    await run.call(work('C'));
  });
  await play([synchronization], async (stage) => {
    stage.hold('A', 'B');
    await stage.send(Flow('1').start());
    await stage.release('B');
    expect(stage.trace).toEqual(['B']);
    await stage.release('A');
    expect(stage.trace).toEqual(['B', 'A', 'C']);
  });
});

test('WCP-4 Exclusive Choice', async () => {
  const choice = flow(async (run, { choose = [] }) => {
    if (choose.includes('A')) await run.call(work('A'));
    else if (choose.includes('B')) await run.call(work('B'));
    else await run.call(work('C'));
  });
  await play([choice], async (stage) => {
    await stage.send(Flow('both').start({ choose: ['B', 'A'] }));
    expect(stage.trace).toEqual(['A']);
    await stage.send(Flow('one').start({ choose: ['B'] }));
    expect(stage.trace).toEqual(['A', 'B']);
    await stage.send(Flow('none').start());
    expect(stage.trace).toEqual(['A', 'B', 'C']);
  });
});

test('WCP-5 Simple Merge', async () => {
  const merge = flow(async (run, { choose = [] }) => {
    if (choose.includes('A')) await run.call(work('A'));
    else await run.call(work('B'));
    await run.call(work('C'));
  });
  await play([merge], async (stage) => {
    await stage.send(Flow('1').start({ choose: ['A'] }));
    expect(stage.trace).toEqual(['A', 'C']);
    await stage.send(Flow('2').start());
    expect(stage.trace).toEqual(['A', 'C', 'B', 'C']);
  });
});
