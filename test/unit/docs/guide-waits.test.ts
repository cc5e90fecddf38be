import { activity, CancelledError, durable, entity, serial, signal } from 'perdure';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

// Examples of runtime/DURABLE.md: waiting, working in parallel, being cancelled.

const mail = activity('mail', { input: z.object({ to: z.string(), link: z.string() }) });
const offer = activity('offer', { input: z.object({ supplier: z.string() }), output: z.int() });
const think = activity('think', { input: z.object({ text: z.string() }), output: z.string() });
const work = activity('work');

const Claim = entity(
  'claim',
  {
    submit: signal({ input: z.object({ boss: z.string() }), output: z.string(), once: true }),
    settle: signal({ output: z.string() }),
    pay: signal({ input: z.object({ on: z.string() }) }),
  },
  { rejects: ['declined', 'nobody-answered'] },
);
type ClaimState = { readonly status: 'open' } | { readonly status: 'paid'; readonly on: string };
const claim = Claim.fold((): ClaimState => ({ status: 'open' }), {
  Paid: (_state, { on }: { on: string }) => ({ status: 'paid', on }),
}).implement({
  signals: {
    submit: durable(async (claim, { boss }) => {
      const answer = claim.callback({ output: z.object({ approved: z.boolean() }), timeout: '3 days' });
      await claim.call(mail({ to: boss, link: `https://claims.example/${answer.token}` }));
      const decided = await answer; // undefined when the time is up
      if (decided === undefined) throw Claim.reject('nobody-answered');
      return decided.approved ? 'approved' : 'refused';
    }),

    settle: durable(async (claim) => {
      await claim.sleep('1 day');
      const paid = await claim.until((state) => state.status === 'paid', { timeout: '30 days' });
      return paid === undefined ? 'overdue' : `paid on ${paid.on}`; // the state, narrowed by the predicate
    }),

    pay: (claim, { on }) => claim.emit.Paid({ on }),
  },
});

const Buyer = entity('buyer', {
  compare: signal({ input: z.object({ suppliers: z.array(z.string()) }), output: z.array(z.int()) }),
  hurry: signal({ input: z.object({ suppliers: z.array(z.string()) }), output: z.int() }),
});
const buyer = Buyer.fold((): null => null, {}).implement({
  signals: {
    compare: durable(async (buyer, { suppliers }) => {
      return await buyer.map(suppliers, (supplier) => buyer.call(offer({ supplier })), { concurrency: 5 });
    }),
    hurry: durable(async (buyer, { suppliers }) => {
      const offers = suppliers.map((supplier) => buyer.call(offer({ supplier })));
      return await Promise.race(offers); // the others go on; the end of the run cancels them
    }),
  },
});

const Job = entity('job', { start: signal({ output: z.string(), once: true }), stop: signal() });
const job = Job.fold((): null => null, { Stopped: () => null }).implement({
  signals: {
    start: durable(async (job) => {
      try {
        await job.sleep('1 day');
        await job.call(work());
        return 'done';
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        job.emit.Stopped();
        return 'stopped';
      }
    }),
    stop: (job) => job.cancel('start'),
  },
});

const Chat = entity('chat', { say: signal({ input: z.object({ text: z.string() }), output: z.string() }) });
const chat = Chat.fold((): { lines: readonly string[] } => ({ lines: [] }), {
  Said: ({ lines }, { text }: { text: string }) => ({ lines: [...lines, text] }),
}).implement({
  signals: {
    // Answers come in the order of the questions, however many are asked while one is being thought about.
    say: serial(async (chat, { text }) => {
      const answer = await chat.call(think({ text }));
      chat.emit.Said({ text: answer });
      return answer;
    }),
  },
});

let world: TestRuntime;
afterEach(() => world.stop());

test('a callback is completed by whoever has its token, once', async () => {
  const links = new Map<string, string>();
  world = await testRuntime({
    entities: [claim],
    activities: [mail.implement(({ to, link }) => void links.set(to, link.replace('https://claims.example/', '')))],
  });
  const sent = await world.signal(Claim('c-1').submit({ boss: 'bo' }));
  await world.callback(links.get('bo') ?? '', { result: { approved: true } });
  expect(await world.outcome(sent)).toBe('approved');
  await world.callback(links.get('bo') ?? '', { result: { approved: true } });
  const changed = world.callback(links.get('bo') ?? '', { result: { approved: false } });
  await expect(changed).rejects.toMatchObject({ code: 'callback-completed' });
  const late = await world.signal(Claim('c-2').submit({ boss: 'cy' }));
  await expect(world.outcome(late)).rejects.toMatchObject({ code: 'nobody-answered' });
  const closed = world.callback(links.get('cy') ?? '', { result: { approved: true } });
  await expect(closed).rejects.toMatchObject({ code: 'callback-closed' });
});

test('until narrows the state, or gives undefined when the time is up', async () => {
  world = await testRuntime({ entities: [claim] });
  const sent = await world.signal(Claim('c-1').settle());
  await world.advance('2 days');
  await world.signal(Claim('c-1').pay({ on: 'Friday' }));
  expect(await world.outcome(sent)).toBe('paid on Friday');
  expect(await world.update(Claim('c-2').settle())).toBe('overdue');
});

test('map keeps the order of its items; a race leaves its losers to the end of the run', async () => {
  const aborted: string[] = [];
  world = await testRuntime({
    entities: [buyer],
    activities: [
      offer.implement(async ({ supplier }, { signal }) => {
        if (supplier !== 'slow') return supplier.length;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        aborted.push(supplier);
        throw new Error('nobody waits any more');
      }),
    ],
  });
  expect(await world.update(Buyer('b').compare({ suppliers: ['four', 'seven77', 'xs'] }))).toEqual([4, 7, 2]);
  expect(await world.update(Buyer('b').hurry({ suppliers: ['slow', 'quick'] }))).toBe(5);
  expect(aborted).toEqual(['slow']);
});

test('a cancelled run sees it once, and says what becomes of it', async () => {
  world = await testRuntime({ entities: [job], activities: [work.implement(() => {})] });
  const sent = await world.signal(Job('j-1').start());
  await world.signal(Job('j-1').stop());
  expect(await world.outcome(sent)).toBe('stopped');
  // `once`: sent again under another id, it answers with the first outcome.
  expect(await world.update(Job('j-1').start())).toBe('stopped');
  expect(await world.update(Job('j-2').start())).toBe('done');
});

test('serial runs of an entity wait for each other', async () => {
  world = await testRuntime({ entities: [chat], activities: [think.implement(({ text }) => `${text}?`)] });
  const answers = ['one', 'two', 'three'].map((text) => world.update(Chat('c').say({ text })));
  expect(await Promise.all(answers)).toEqual(['one?', 'two?', 'three?']);
  expect(world.state(chat, 'c')).toEqual({ lines: ['one?', 'two?', 'three?'] });
});
