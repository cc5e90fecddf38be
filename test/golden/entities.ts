import { ActivityError, activity, CancelledError, durable, entity, query, Rejection, serial, signal, typed, upcast } from 'perdure';
import { z } from 'zod';

// What the golden histories were written by, and are replayed with: never changed. What a later version adds is tried by entities of its own.

// ── plain: what version 0.1 had ──

export const Note = entity(
  'note',
  {
    write: signal({ input: z.object({ text: z.string() }), output: typed<number>() }),
    measure: signal({ output: typed<number>() }),
    check: signal(),
    remind: signal({ input: z.object({ key: z.string(), inMs: z.int() }) }),
    drop: signal({ input: z.object({ key: z.string() }) }),
    tell: signal({ input: z.object({ to: z.string(), text: z.string() }) }),
    copy: signal({ input: z.object({ text: z.string() }) }),
    length: query({ output: typed<number>() }),
  },
  { rejects: ['nothing-written'] },
);

interface Notes {
  readonly texts: readonly string[];
  readonly reminders: number;
}

const EMPTY: Notes = { texts: [], reminders: 0 };

/** As it was before texts had a language: what it wrote is brought up by `note`. */
const beforeLanguage = Note.fold(
  () => EMPTY,
  {
    Written: (s, { text }: { text: string }) => ({ ...s, texts: [...s.texts, text] }),
    Reminded: (s) => ({ ...s, reminders: s.reminders + 1 }),
  },
  { timers: ['reminder'] },
);

export const noteBefore = beforeLanguage.implement({
  signals: {
    write: (turn, { text }) => {
      turn.emit.Written({ text });
      return turn.state().texts.length;
    },
    measure: (turn) => turn.state().texts.length,
    check: () => undefined,
    remind: () => undefined,
    drop: () => undefined,
    tell: () => undefined,
    copy: () => undefined,
  },
  timers: { reminder: () => undefined },
  queries: { length: (s) => s.texts.length },
});

const notes = Note.fold(
  () => EMPTY,
  {
    Written: (s, { text, language }: { text: string; language: string }) => ({ ...s, texts: [...s.texts, `${text} (${language})`] }),
    Reminded: (s, _key: { key: string }) => ({ ...s, reminders: s.reminders + 1 }),
  },
  { timers: ['reminder'] },
);

export const note = notes.implement({
  signals: {
    write: (turn, { text }) => {
      if (text === 'bad') throw new Error('this text cannot be written');
      turn.emit.Written({ text, language: 'en' });
      return turn.state().texts.length;
    },
    measure: (turn) => turn.state().texts.length,
    check: (turn) => {
      if (turn.state().texts.length === 0) throw Note.reject('nothing-written');
    },
    remind: (turn, { key, inMs }) => turn.timers.reminder.set(inMs, key),
    drop: (turn, { key }) => turn.timers.reminder.clear(key),
    tell: (turn, { to, text }) => turn.send(Note(to).copy({ text })),
    copy: (turn, { text }) => {
      turn.emit.Written({ text, language: 'copied' });
      turn.timers.reminder.set('1 day', 'copied');
    },
  },
  timers: { reminder: (turn, key) => turn.emit.Reminded({ key }) },
  queries: { length: (s) => s.texts.length },
  upcast: { Written: upcast((old: { text: string }) => ({ ...old, language: 'unknown' })) },
});

/** A program that has lost an event: its entity cannot be folded. */
const forgetful = Note.fold(() => EMPTY, { Reminded: (s: Notes) => s }, { timers: ['reminder'] });
export const noteForgetful = forgetful.implement({
  signals: {
    write: () => 0,
    measure: () => 0,
    check: () => undefined,
    remind: () => undefined,
    drop: () => undefined,
    tell: () => undefined,
    copy: () => undefined,
  },
  timers: { reminder: () => undefined },
  queries: { length: () => 0 },
});

// ── durable: what version 0.2 added ──

export const work = activity('work', {
  input: z.object({ n: z.int(), key: z.string().optional() }),
  output: typed<number>(),
  rejects: ['refused'],
  retry: { initial: '1 minute', factor: 2, attempts: 3 },
  timeout: '30 minutes',
  heartbeat: '20 minutes',
});
export const undo = activity('undo', { input: z.object({ n: z.int() }), retry: { attempts: 1 } });

export const Flow = entity(
  'flow',
  {
    works: signal({ input: z.object({ n: z.int() }), output: typed<number>() }),
    sleeps: signal({ output: typed<string>() }),
    waits: signal({ output: typed<string>() }),
    waitsFor: signal({ output: typed<string>() }),
    asks: signal({ output: typed<string>() }),
    asksFor: signal({ output: typed<string>() }),
    calls: signal({ input: z.object({ to: z.string() }), output: typed<string>() }),
    queries: signal({ input: z.object({ of: z.string() }), output: typed<number>() }),
    serves: signal({ output: typed<string>() }),
    refuses: signal(),
    undoes: signal({ input: z.object({ n: z.int() }), output: typed<string>() }),
    spreads: signal({ input: z.object({ count: z.int() }), output: typed<number>() }),
    splits: signal({ output: typed<string>() }),
    mends: signal({ output: typed<string>() }),
    loops: signal({ input: z.object({ count: z.int() }), output: typed<number>() }),
    draws: signal({ output: typed<string>() }),
    races: signal({ output: typed<string>() }),
    born: signal({ output: typed<string>(), once: true }),
    approve: signal(),
    stops: signal(),
    arms: signal(),
  },
  { rejects: ['unwanted'] },
);

interface Flows {
  readonly approved: boolean;
  readonly done: readonly string[];
}

const flows = Flow.fold(
  (): Flows => ({ approved: false, done: [] }),
  {
    Approved: (s) => ({ ...s, approved: true }),
    Did: (s, { what }: { what: string }) => ({ ...s, done: [...s.done, what] }),
  },
  { timers: ['alarm'] },
);

/** How a call ended, as text. */
function endOf(error: unknown): string {
  if (error instanceof CancelledError) return 'cancelled';
  if (error instanceof Rejection) return `rejected ${error.code} by ${error.by}`;
  if (error instanceof ActivityError) return `failed after ${error.attempts}`;
  if (error instanceof Error && 'code' in error) return String(error.code);
  throw error;
}

/** What a deployment may have changed: with `isOtherCode` runs of `sleeps` that began before cannot be replayed. */
export const deployed = { isOtherCode: false };

export const flow = flows.implement({
  signals: {
    works: durable(async (run, { n }) => {
      const made = await run.call(work({ n })).catch(endOf);
      run.emit.Did({ what: `work ${made}` });
      return typeof made === 'number' ? made : -1;
    }),
    sleeps: durable(async (run) => {
      if (deployed.isOtherCode) run.emit.Did({ what: 'another way' });
      try {
        await run.sleep('1 day');
      } catch (error) {
        return endOf(error);
      }
      return `slept until ${run.now()}`;
    }),
    waits: durable(async (run) => {
      const { done } = await run.until(({ approved }) => approved);
      return `approved after ${done.length}`;
    }),
    waitsFor: durable(async (run) => ((await run.until(({ done }) => done.length > 99, { timeout: '2 days' })) ? 'full' : 'not full')),
    asks: durable(async (run) => {
      const answer = run.callback({ output: z.string() });
      await run.call(work({ n: 1, key: answer.token }));
      return await answer.catch(endOf);
    }),
    asksFor: durable(async (run) => (await run.callback({ output: z.string(), timeout: '3 days' })) ?? 'no answer'),
    calls: durable(async (run, { to }) => await run.call(Flow(to).serves()).catch(endOf)),
    queries: durable(async (run, { of }) => await run.call(Note(of).length())),
    serves: serial(async (run) => {
      await run.sleep('4 hours');
      run.emit.Did({ what: 'served' });
      return `served ${run.meta.baggage['who'] ?? 'nobody'}`;
    }),
    refuses: durable(async (run) => {
      await run.sleep('5 hours');
      throw Flow.reject('unwanted', { why: 'golden' });
    }),
    undoes: durable(async (run, { n }) => {
      try {
        return await run.saga(async (saga) => {
          saga.compensate(undo({ n }));
          await saga.call(work({ n }));
          throw Flow.reject('unwanted');
        });
      } catch (error) {
        return endOf(error);
      }
    }),
    spreads: durable(async (run, { count }) => {
      const made = await run.map([...Array(count).keys()], (n) => run.call(work({ n })), { concurrency: 2 });
      return made.reduce((sum, n) => sum + n, 0);
    }),
    splits: durable(async (run) => {
      const isNew = run.patched('second-way');
      await run.sleep('6 hours');
      return isNew ? 'second way' : 'first way';
    }),
    mends: durable(async (run) => {
      await run.sleep('1 minute');
      if (!run.state().approved) throw new Error('not approved yet');
      return 'mended';
    }),
    loops: durable(async (run, { count }) => {
      for (let n = 0; n < count; n += 1) await run.until(() => true);
      return count;
    }),
    draws: durable(async (run) => {
      const drawn = () => `${run.random()} ${run.uuid()} ${run.now()} ${Math.random()} ${Date.now()}`;
      run.emit.Did({ what: drawn() });
      await run.sleep('7 hours');
      run.emit.Did({ what: drawn() });
      return 'drawn';
    }),
    races: durable(async (run) => {
      const late = run.sleep('8 hours').then(() => 'late');
      return await Promise.race([late, run.callback({ output: z.string() })]);
    }),
    born: durable(async (run) => {
      await run.call(work({ n: 2 }));
      run.timers.alarm.set('1 hour', 'birth');
      return run.meta.correlationId;
    }),
    approve: (turn) => turn.emit.Approved(),
    stops: (turn) => turn.cancel('sleeps'),
    arms: (turn) => turn.timers.alarm.set('2 hours', 'armed'),
  },
  timers: {
    alarm: durable(async (run, key) => {
      await run.sleep('9 hours');
      run.emit.Did({ what: `alarm ${key}` });
    }),
  },
});
