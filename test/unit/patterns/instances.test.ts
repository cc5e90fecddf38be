import { durable, entity, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow, Part, part, some } from './workflow.ts';

test('WCP-12 Multiple Instances without Synchronization', async () => {
  const instance = part((run) => run.call(work(run.id)));
  const spawn = flow(async (run) => {
    for (const id of ['1', '2', '3']) run.send(Part(id).start());
    await run.call(work('next'));
  });
  await play([instance, spawn], async (stage) => {
    stage.hold('1', '2', '3');
    const sent = await stage.send(Flow('1').start());
    expect(stage.trace).toEqual(['next']);
    expect(await stage.world.status(sent)).toBe('completed');
    expect(stage.open).toEqual(['1', '2', '3']);
    await stage.release('2', '3', '1');
    expect(stage.trace).toEqual(['next', '2', '3', '1']);
  });
});

test('WCP-13 Multiple Instances with a Priori Design-Time Knowledge', async () => {
  const three = flow(async (run) => {
    await run.map(['1', '2', '3'], (name) => run.call(work(name)));
    await run.call(work('next'));
  });
  await play([three], async (stage) => {
    stage.hold('1', '2', '3');
    await stage.send(Flow('1').start());
    expect(stage.open).toEqual(['1', '2', '3']);
    await stage.release('3', '1');
    expect(stage.trace).toEqual(['3', '1']);
    await stage.release('2');
    expect(stage.trace).toEqual(['3', '1', '2', 'next']);
  });
});

test('WCP-14 Multiple Instances with a Priori Run-Time Knowledge', async () => {
  const asMany = flow(async (run, { choose = [] }) => {
    await run.map(choose, (name) => run.call(work(name)));
    await run.call(work('next'));
  });
  await play([asMany], async (stage) => {
    stage.hold('1', '2');
    await stage.send(Flow('none').start());
    expect(stage.trace).toEqual(['next']);
    await stage.send(Flow('two').start({ choose: ['1', '2'] }));
    await stage.release('2');
    expect(stage.trace).toEqual(['next', '2']);
    await stage.release('1');
    expect(stage.trace).toEqual(['next', '2', '1', 'next']);
  });
});

test('WCP-15 Multiple Instances without a Priori Run-Time Knowledge', async () => {
  const Crowd = entity('crowd', { start: signal({ once: true }), add: signal({ input: typed<string>() }), close: signal() });
  const model = Crowd.fold((): { names: readonly string[]; closed: boolean } => ({ names: [], closed: false }), {
    Added: (s, e: { name: string }) => ({ ...s, names: [...s.names, e.name] }),
    Closed: (s) => ({ ...s, closed: true }),
  });
  const crowd = model.implement({
    signals: {
      start: durable(async (run) => {
        const instances: Promise<unknown>[] = [];
        for (let next = 0; ; next += 1) {
          const { names } = await run.until((s) => s.names.length > next || s.closed);
          const name = names[next];
          if (name === undefined) break;
          instances.push(run.call(work(name)));
        }
        await Promise.all(instances);
        await run.call(work('next'));
      }),
      add(turn, name) {
        turn.emit.Added({ name });
      },
      close(turn) {
        turn.emit.Closed();
      },
    },
  });
  await play([crowd], async (stage) => {
    stage.hold('1', '2', '3');
    await stage.send(Crowd('1').start());
    await stage.send(Crowd('1').add('1'));
    await stage.send(Crowd('1').add('2'));
    await stage.release('1', '2');
    expect(stage.trace).toEqual(['1', '2']);
    await stage.send(Crowd('1').add('3'));
    await stage.send(Crowd('1').close());
    expect(stage.open).toEqual(['3']);
    await stage.release('3');
    expect(stage.trace).toEqual(['1', '2', '3', 'next']);
  });
});

test('WCP-34 Static Partial Join for Multiple Instances', async () => {
  const join = flow(async (run) => {
    const instances = ['1', '2', '3', '4'].map((name) => run.call(work(name)));
    await some(3, instances);
    await run.call(work('next'));
    await Promise.all(instances);
  });
  await play([join], async (stage) => {
    stage.hold('1', '2', '3', '4');
    const sent = await stage.send(Flow('1').start());
    await stage.release('4', '1');
    expect(stage.trace).toEqual(['4', '1']);
    await stage.release('2');
    expect(stage.trace).toEqual(['4', '1', '2', 'next']);
    expect(await stage.world.status(sent)).toBe('running');
    await stage.release('3');
    expect(stage.trace).toEqual(['4', '1', '2', 'next', '3']);
    expect(await stage.world.status(sent)).toBe('completed');
  });
});

test('WCP-35 Cancelling Partial Join for Multiple Instances', async () => {
  const firstThree = part((run) =>
    some(
      3,
      ['1', '2', '3', '4'].map((name) => run.call(work(name))),
    ),
  );
  const join = flow(async (run) => {
    await run.call(Part(run.id).start());
    await run.call(work('next'));
  });
  await play([firstThree, join], async (stage) => {
    stage.hold('1', '2', '3', '4');
    await stage.send(Flow('1').start());
    await stage.release('4', '1');
    expect(stage.trace).toEqual(['4', '1']);
    await stage.release('2');
    expect(stage.trace).toEqual(['4', '1', '2', 'next']);
    expect(stage.open).toEqual([]);
    await stage.release('3');
    expect(stage.trace).toEqual(['4', '1', '2', 'next']);
  });
});

test('WCP-36 Dynamic Partial Join for Multiple Instances', async () => {
  const Crowd = entity(
    'crowd',
    { start: signal({ once: true }), add: signal({ input: typed<string>() }), instance: signal({ input: typed<string>() }) },
    { rejects: ['joined'] },
  );
  const model = Crowd.fold((): { added: number; done: number; joined: boolean } => ({ added: 0, done: 0, joined: false }), {
    Added: (s) => ({ ...s, added: s.added + 1 }),
    Done: (s) => ({ ...s, done: s.done + 1 }),
    Joined: (s) => ({ ...s, joined: true }),
  });
  const crowd = model.implement({
    signals: {
      start: durable(async (run) => {
        await run.until((s) => s.done > s.added / 2);
        run.emit.Joined();
        await run.call(work('next'));
      }),
      add(turn, name) {
        if (turn.state().joined) throw Crowd.reject('joined');
        turn.emit.Added();
        turn.send(Crowd(turn.id).instance(name));
      },
      instance: durable(async (run, name) => {
        await run.call(work(name));
        run.emit.Done();
      }),
    },
  });
  await play([crowd], async (stage) => {
    stage.hold('1', '2', '3', '4');
    await stage.send(Crowd('1').start());
    for (const name of ['1', '2', '3']) await stage.send(Crowd('1').add(name));
    await stage.release('1');
    await stage.send(Crowd('1').add('4'));
    await stage.release('2');
    expect(stage.trace).toEqual(['1', '2']);
    await stage.release('3');
    expect(stage.trace).toEqual(['1', '2', '3', 'next']);
    await expect(stage.ask(Crowd('1').add('5'))).rejects.toMatchObject({ code: 'joined' });
    await stage.release('4');
    expect(stage.trace).toEqual(['1', '2', '3', 'next', '4']);
  });
});
