import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow } from './workflow.ts';

test('WCP-11 Implicit Termination', async () => {
  const implicit = flow((run) => Promise.all([run.call(work('A')).then(() => run.call(work('B'))), run.call(work('C'))]));
  await play([implicit], async (stage) => {
    stage.hold('A', 'C');
    const sent = await stage.send(Flow('1').start());
    await stage.release('A');
    expect(stage.trace).toEqual(['A', 'B']);
    expect(await stage.world.status(sent)).toBe('running');
    await stage.release('C');
    expect(stage.trace).toEqual(['A', 'B', 'C']);
    expect(await stage.world.status(sent)).toBe('completed');
  });
});

test('WCP-43 Explicit Termination', async () => {
  const explicit = flow((run) => Promise.race([run.call(work('A')).then(() => run.call(work('B'))), run.call(work('end'))]));
  await play([explicit], async (stage) => {
    stage.hold('A', 'end');
    const sent = await stage.send(Flow('1').start());
    expect(await stage.world.status(sent)).toBe('running');
    await stage.release('end');
    expect(await stage.world.status(sent)).toBe('completed');
    expect(stage.open).toEqual([]);
    await stage.release('A');
    expect(stage.trace).toEqual(['end']);
  });
});
