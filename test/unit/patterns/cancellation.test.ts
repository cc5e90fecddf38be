import { durable, entity, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow, Part, part, unlessCancelled } from './workflow.ts';

test('WCP-19 Cancel Activity', async () => {
  const task = part((run) => run.call(work('A')));
  const around = flow(async (run) => {
    await run.call(Part(run.id).start()).catch(unlessCancelled);
    await run.call(work('B'));
  });
  await play([task, around], async (stage) => {
    stage.hold('A');
    await stage.send(Flow('1').start());
    await stage.send(Part('1').cancel());
    expect(stage.open).toEqual([]);
    expect(stage.trace).toEqual(['B']);
    await stage.release('A');
    expect(stage.trace).toEqual(['B']);
    await stage.send(Flow('not cancelled').start());
    expect(stage.trace).toEqual(['B', 'A', 'B']);
  });
});

test('WCP-20 Cancel Case', async () => {
  const child = part((run) => run.call(work('A')));
  const parent = flow(async (run) => {
    await Promise.all([run.call(Part(run.id).start()), run.call(work('B')), run.sleep('1 day')]);
    await run.call(work('C'));
  });
  await play([child, parent], async (stage) => {
    stage.hold('A', 'B');
    const sent = await stage.send(Flow('1').start());
    expect(stage.open).toEqual(['A', 'B']);
    await stage.send(Flow('1').cancel());
    expect(stage.open).toEqual([]);
    expect(await stage.world.status(sent)).toBe('cancelled');
    await stage.release('A', 'B');
    await stage.advance('2 days');
    expect(stage.trace).toEqual([]);
  });
});

test('WCP-25 Cancel Region', async () => {
  const region = part((run) => Promise.all([run.call(work('A')).then(() => run.call(work('B'))), run.call(work('C'))]));
  const around = flow(async (run) => {
    const inside = run.call(Part(run.id).start()).catch(unlessCancelled);
    const outside = run.call(work('D')).then(() => run.call(work('E')));
    await Promise.all([inside, outside]);
    await run.call(work('F'));
  });
  await play([region, around], async (stage) => {
    stage.hold('A', 'C', 'D');
    await stage.send(Flow('1').start());
    await stage.release('C');
    await stage.send(Part('1').cancel());
    expect(stage.open).toEqual(['D']);
    await stage.release('A');
    expect(stage.trace).toEqual(['C']);
    await stage.release('D');
    expect(stage.trace).toEqual(['C', 'D', 'E', 'F']);
  });
});

test('WCP-26 Cancel Multiple Instance Activity', async () => {
  const instances = part((run, { choose = [] }) => run.map(choose, (name) => run.call(work(name))));
  const around = flow(async (run, choice) => {
    const all = run.call(Part(run.id).start(choice)).then(() => run.call(work('next')));
    await Promise.all([all.catch(unlessCancelled), run.call(work('beside'))]);
  });
  await play([instances, around], async (stage) => {
    stage.hold('1', '2', '3', 'beside');
    const sent = await stage.send(Flow('1').start({ choose: ['1', '2', '3'] }));
    await stage.release('2');
    expect(stage.open).toEqual(['1', '3', 'beside']);
    await stage.send(Part('1').cancel());
    expect(stage.open).toEqual(['beside']);
    await stage.release('1', '3', 'beside');
    expect(stage.trace).toEqual(['2', 'beside']);
    expect(await stage.world.status(sent)).toBe('completed');
    await stage.send(Flow('not cancelled').start({ choose: ['1', '2'] }));
    expect(stage.trace.at(-1)).toBe('next');
  });
});

test('WCP-27 Complete Multiple Instance Activity', async () => {
  const Survey = entity('survey', {
    start: signal({ input: typed<readonly string[]>(), output: typed<{ answers: number }>() }),
    complete: signal(),
  });
  const model = Survey.fold((): { answers: number; completed: boolean } => ({ answers: 0, completed: false }), {
    Answered: (s) => ({ ...s, answers: s.answers + 1 }),
    Completed: (s) => ({ ...s, completed: true }),
  });
  const survey = model.implement({
    signals: {
      start: durable(async (run, names) => {
        const instances = run.map(names, async (name) => {
          await run.call(work(name));
          run.emit.Answered();
        });
        await Promise.race([instances, run.until((s) => s.completed)]);
        return { answers: run.state().answers };
      }),
      complete(turn) {
        turn.emit.Completed();
      },
    },
  });
  const around = flow(async (run) => {
    const { answers } = await run.call(Survey(run.id).start(['1', '2', '3']));
    await run.call(work(`next, with ${answers}`));
  });
  await play([survey, around], async (stage) => {
    stage.hold('1', '2', '3');
    await stage.send(Flow('1').start());
    await stage.release('3');
    expect(stage.trace).toEqual(['3']);
    await stage.send(Survey('1').complete());
    expect(stage.trace).toEqual(['3', 'next, with 1']);
    expect(stage.open).toEqual([]);
    await stage.release('1', '2');
    expect(stage.trace).toEqual(['3', 'next, with 1']);
    await stage.send(Flow('not completed').start());
    expect(stage.trace.at(-1)).toBe('next, with 3');
  });
});
