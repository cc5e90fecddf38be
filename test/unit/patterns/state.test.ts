import { durable, entity, serial, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';
import { Flow, flow } from './workflow.ts';

test('WCP-16 Deferred Choice', async () => {
  const Offer = entity('offer', { make: signal({ once: true }), accept: signal() });
  const model = Offer.fold((): { token: string; accepted: boolean } => ({ token: '', accepted: false }), {
    Made: (s, e: { token: string }) => ({ ...s, token: e.token }),
    Accepted: (s) => ({ ...s, accepted: true }),
  });
  const offer = model.implement({
    signals: {
      make: durable(async (run) => {
        const link = run.callback({ output: typed<string>() });
        run.emit.Made({ token: link.token });
        const first = await Promise.race([
          link.then(() => 'by link'),
          run.until((s) => s.accepted).then(() => 'by signal'),
          run.sleep('1 day').then(() => 'by time'),
        ]);
        await run.call(work(first));
      }),
      accept(turn) {
        turn.emit.Accepted();
      },
    },
  });
  await play([offer], async (stage) => {
    const token = (id: string) => stage.world.state(offer, id).token;
    await stage.send(Offer('link').make());
    await stage.complete(token('link'), 'yes');
    expect(stage.trace).toEqual(['by link']);
    await stage.send(Offer('link').accept());

    await stage.send(Offer('signal').make());
    await stage.send(Offer('signal').accept());
    expect(stage.trace).toEqual(['by link', 'by signal']);
    await expect(stage.complete(token('signal'), 'yes')).rejects.toMatchObject({ code: 'callback-closed' });

    await stage.send(Offer('time').make());
    await stage.advance('23 hours');
    expect(stage.trace).toEqual(['by link', 'by signal']);
    await stage.advance('1 hour');
    await stage.send(Offer('time').accept());
    expect(stage.trace).toEqual(['by link', 'by signal', 'by time']);
  });
});

/** Whatever is asked of it, it does one thing after the other. */
const Desk = entity('desk', { perform: signal({ input: typed<readonly string[]>() }) });
const desk = Desk.fold(() => ({}), {}).implement({
  signals: {
    perform: serial(async (run, names) => {
      for (const name of names) await run.call(work(name));
    }),
  },
});

test('WCP-17 Interleaved Parallel Routing', async () => {
  const routing = flow(async (run) => {
    const perform = (name: string) => run.call(Desk(run.id).perform([name]));
    await Promise.all([perform('A').then(() => perform('B')), perform('C')]);
    await run.call(work('D'));
  });
  await play([desk, routing], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(Flow('1').start());
    expect(stage.open).toEqual(['A']);
    await stage.release('A');
    expect(stage.open).toEqual(['C']);
    await stage.release('C');
    expect(stage.open).toEqual(['B']);
    await stage.release('B');
    expect(stage.trace).toEqual(['A', 'C', 'B', 'D']);
  });
});

test('WCP-39 Critical Section', async () => {
  const visitor = flow(async (run, { choose = [] }) => {
    await run.call(work(`${run.id} before`));
    await run.call(Desk('one').perform(choose));
  });
  await play([desk, visitor], async (stage) => {
    stage.hold('a before', 'b before', 'A1', 'A2', 'B1', 'B2');
    await stage.send(Flow('a').start({ choose: ['A1', 'A2'] }));
    await stage.send(Flow('b').start({ choose: ['B1', 'B2'] }));
    expect(stage.open).toEqual(['a before', 'b before']);
    await stage.release('b before', 'a before');
    expect(stage.open).toEqual(['B1']);
    await stage.release('B1');
    expect(stage.open).toEqual(['B2']);
    await stage.release('B2');
    expect(stage.open).toEqual(['A1']);
    await stage.release('A1', 'A2');
    expect(stage.trace.slice(2)).toEqual(['B1', 'B2', 'A1', 'A2']);
  });
});

test('WCP-40 Interleaved Routing', async () => {
  const CheckUp = entity('checkUp', { start: signal({ once: true }), perform: signal({ input: typed<string>() }) }, { rejects: ['done'] });
  const model = CheckUp.fold((): { done: readonly string[] } => ({ done: [] }), {
    Done: (s, e: { name: string }) => ({ done: [...s.done, e.name] }),
  });
  const checkUp = model.implement({
    signals: {
      start: durable(async (run) => {
        await run.until((s) => ['A', 'B', 'C'].every((name) => s.done.includes(name)));
        await run.call(work('D'));
      }),
      perform: serial(async (run, name) => {
        if (run.state().done.includes(name)) throw CheckUp.reject('done');
        await run.call(work(name));
        run.emit.Done({ name });
      }),
    },
  });
  await play([checkUp], async (stage) => {
    stage.hold('A', 'B', 'C');
    await stage.send(CheckUp('1').start());
    for (const name of ['C', 'A', 'C', 'B']) await stage.send(CheckUp('1').perform(name));
    expect(stage.open).toEqual(['C']);
    await stage.release('C');
    expect(stage.open).toEqual(['A']);
    await stage.release('A');
    expect(stage.open).toEqual(['B']);
    await stage.release('B');
    expect(stage.trace).toEqual(['C', 'A', 'B', 'D']);
  });
});

test('WCP-18 Milestone', async () => {
  const Booking = entity('booking', { confirm: signal(), close: signal(), amend: signal() }, { rejects: ['too-late'] });
  const model = Booking.fold((): { phase: 'draft' | 'confirmed' | 'closed' } => ({ phase: 'draft' }), {
    Confirmed: () => ({ phase: 'confirmed' }),
    Closed: () => ({ phase: 'closed' }),
  });
  const booking = model.implement({
    signals: {
      confirm(turn) {
        turn.emit.Confirmed();
      },
      close(turn) {
        turn.emit.Closed();
      },
      amend: durable(async (run) => {
        const { phase } = await run.until((s) => s.phase !== 'draft');
        if (phase === 'closed') throw Booking.reject('too-late');
        await run.call(work('amend'));
      }),
    },
  });
  await play([booking], async (stage) => {
    await stage.send(Booking('1').amend());
    expect(stage.trace).toEqual([]);
    await stage.send(Booking('1').confirm());
    expect(stage.trace).toEqual(['amend']);
    await stage.send(Booking('1').amend());
    expect(stage.trace).toEqual(['amend', 'amend']);
    await stage.send(Booking('1').close());
    await expect(stage.ask(Booking('1').amend())).rejects.toMatchObject({ code: 'too-late' });
    expect(stage.trace).toEqual(['amend', 'amend']);
  });
});
