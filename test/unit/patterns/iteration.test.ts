import { durable, entity, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow } from './workflow.ts';

test('WCP-10 Arbitrary Cycles', async () => {
  const Draft = entity('draft', { start: signal({ once: true }), go: signal({ input: typed<string>() }) }, { rejects: ['no-such-way'] });
  const WAYS: Readonly<Record<string, readonly string[]>> = { A: ['B'], B: ['A', 'C'], C: ['A', 'B', 'end'] };
  const model = Draft.fold((): { path: readonly string[] } => ({ path: ['A'] }), {
    Went: (s, e: { to: string }) => ({ path: [...s.path, e.to] }),
  });
  const draft = model.implement({
    signals: {
      start: durable(async (run) => {
        for (let step = 0; ; step += 1) {
          const { path } = await run.until((s) => s.path.length > step);
          const at = path[step];
          if (at === undefined || at === 'end') return;
          await run.call(work(at));
        }
      }),
      go(turn, to) {
        const at = turn.state().path.at(-1) ?? 'end';
        if (WAYS[at]?.includes(to) !== true) throw Draft.reject('no-such-way');
        turn.emit.Went({ to });
      },
    },
  });
  await play([draft], async (stage) => {
    const sent = await stage.send(Draft('1').start());
    for (const to of ['B', 'A', 'B', 'C', 'B', 'C', 'A', 'B', 'C']) await stage.send(Draft('1').go(to));
    expect(stage.trace.join('')).toBe('ABABCBCABC');
    await expect(stage.ask(Draft('1').go('C'))).rejects.toMatchObject({ code: 'no-such-way' });
    expect(await stage.world.status(sent)).toBe('running');
    await stage.send(Draft('1').go('end'));
    expect(await stage.world.status(sent)).toBe('completed');
    expect(stage.trace.join('')).toBe('ABABCBCABC');
  });
});

test('WCP-21 Structured Loop', async () => {
  const loops = flow(async (run, { choose = [] }) => {
    let rest = choose.length;
    while (rest > 0) {
      await run.call(work(`while ${rest}`));
      rest -= 1;
    }
    do {
      await run.call(work(`until ${rest}`));
      rest += 1;
    } while (rest < choose.length);
  });
  await play([loops], async (stage) => {
    await stage.send(Flow('never').start());
    expect(stage.trace).toEqual(['until 0']);
    await stage.send(Flow('twice').start({ choose: ['x', 'y'] }));
    expect(stage.trace.slice(1)).toEqual(['while 2', 'while 1', 'until 0', 'until 1']);
  });
});

test('WCP-22 Recursion', async () => {
  const Tree = entity('tree', { visit: signal({ input: typed<{ depth: number }>(), output: typed<{ leaves: number }>(), once: true }) });
  const tree = Tree.fold(() => ({}), {}).implement({
    signals: {
      visit: durable(async (run, { depth }) => {
        if (depth === 0) {
          await run.call(work(run.id));
          return { leaves: 1 };
        }
        const [left, right] = await Promise.all([
          run.call(Tree(`${run.id}l`).visit({ depth: depth - 1 })),
          run.call(Tree(`${run.id}r`).visit({ depth: depth - 1 })),
        ]);
        return { leaves: left.leaves + right.leaves };
      }),
    },
  });
  await play([tree], async (stage) => {
    const sent = await stage.send(Tree('t').visit({ depth: 3 }));
    expect([...stage.trace].sort()).toEqual(['tlll', 'tllr', 'tlrl', 'tlrr', 'trll', 'trlr', 'trrl', 'trrr']);
    expect(await stage.world.outcome(sent)).toEqual({ leaves: 8 });
  });
});
