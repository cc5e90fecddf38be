import type { MemoryLog } from '../../runtime/adapters/memory/event-store-log.ts';
import { deployed, Flow, flow, Note, note, noteBefore, noteForgetful, undo, work } from './entities.ts';
import { type Cast, Stage } from './stage.ts';

/**
 * What the golden histories of a version tell: each scenario begins on an empty log, and its history is what the log holds at its end, as after a crash.
 */
export type Scenario = (log: MemoryLog) => Promise<void>;

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Activities that never answer: what calls them is in flight at the end. Every third beats first; n = 666 refuses, negative n fails. */
const silent = work.implement(({ n }, { heartbeat }) => {
  if (n === 666) throw work.reject('refused', { n });
  if (n < 0) throw new Error(`attempt of ${n} failed`);
  if (n % 3 === 0) heartbeat({ half: n / 2 });
  return new Promise<number>(() => undefined);
});
const able = work.implement(({ n }) => {
  if (n === 666) throw work.reject('refused', { n });
  if (n < 0) throw new Error(`attempt of ${n} failed`);
  return n * 2;
});
const undoing = undo.implement(({ n }) => {
  if (n < 0) throw new Error('it cannot be undone');
});

const QUIET: Cast = { entities: [note, flow], activities: [silent, undoing] };
const ABLE: Cast = { entities: [note, flow], activities: [able, undoing] };

/** Plays on an empty log and crashes at the end. */
async function played(log: MemoryLog, cast: Cast, play: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await Stage.open(log, START_MS, cast);
  try {
    await play(stage);
  } finally {
    stage.close();
  }
}

/** Plain handlers: events of two versions, ids, results, timers, sends, and entities that hold, are mended and forgotten. Version 0.1 could do this. */
export const notes: Scenario = (log) =>
  played(log, { ...QUIET, entities: [noteBefore] }, async (stage) => {
    await stage.send(Note('a').write({ text: 'old' }), { id: 'w1', isUpdate: true });
    await stage.crash({ ...QUIET, entities: [note] });
    await stage.send(Note('a').write({ text: 'new' }), { id: 'w2', isUpdate: true });
    await stage.send(Note('a').measure(), { id: 'm1', isUpdate: true });
    await stage.send(Note('a').check(), { id: 'c1' });
    await stage.send(Note('a').remind({ key: 'soon', inMs: HOUR }), { id: 'r1' });
    await stage.send(Note('a').remind({ key: 'later', inMs: 90 * 24 * HOUR }));
    await stage.send(Note('a').remind({ key: 'never', inMs: 2 * HOUR }));
    await stage.send(Note('a').drop({ key: 'never' }));
    const context = { correlation: 'corr-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, baggage: { who: 'ada' } };
    await stage.send(Note('a').tell({ to: 'b', text: 'hello' }), { id: 't1', context });
    await stage.pass(2 * HOUR);
    await held(stage);
    await stage.send(Note('forgotten').write({ text: 'secret' }), { id: 'f1', isUpdate: true });
    await stage.send(Note('a').tell({ to: 'forgotten', text: 'hello' }));
    await stage.admin({ type: 'note', id: 'forgotten', verb: 'forget' });
    await stage.pass(MINUTE);
  });

async function held(stage: Stage): Promise<void> {
  await stage.send(Note('parked').remind({ key: 'held', inMs: HOUR }));
  await stage.send(Note('parked').write({ text: 'bad' }), { id: 'p1' });
  await stage.send(Note('parked').write({ text: 'behind' }), { id: 'p2' });
  await stage.send(Note('parked').tell({ to: 'b', text: 'behind' }), { id: 'p3' });
  await stage.pass(2 * HOUR);

  await stage.send(Note('edited').write({ text: 'bad' }), { id: 'e1' });
  await stage.send(Note('edited').write({ text: 'bad' }), { id: 'e2' });
  await stage.admin({ type: 'note', id: 'edited', verb: 'edit', payload: { text: 'good' } });
  await stage.admin({ type: 'note', id: 'edited', verb: 'skip' });

  await stage.admin({ type: 'note', id: 'b', verb: 'pause' });
  await stage.send(Note('b').write({ text: 'while paused' }), { id: 'q1' });
  await stage.admin({ type: 'note', id: 'b', verb: 'resume' });
  await stage.send(Note('paused').write({ text: 'before' }));
  await stage.admin({ type: 'note', id: 'paused', verb: 'pause' });
  await stage.send(Note('paused').write({ text: 'held' }), { id: 'q2' });

  await stage.send(Note('unfoldable').write({ text: 'one' }));
  await stage.crash({ ...QUIET, entities: [noteForgetful] });
  await stage.send(Note('unfoldable').write({ text: 'two' }), { id: 'u1' });
  await stage.crash({ ...QUIET, entities: [note] });
  await stage.send(Note('unfoldable').write({ text: 'three' }), { id: 'u2' });
}

/** A run in flight at every kind of wait. */
export const waits: Scenario = (log) =>
  played(log, QUIET, async (stage) => {
    const context = { correlation: 'corr-2', traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`, baggage: { who: 'bob' } };
    await stage.send(Flow('waiting').works({ n: 3 }), { id: 'out', context });
    await stage.send(Flow('waiting').works({ n: -1 }), { id: 'between-attempts' });
    await stage.send(Flow('waiting').sleeps(), { id: 'asleep' });
    await stage.send(Flow('waiting').waits(), { id: 'until' });
    await stage.send(Flow('waiting').waitsFor(), { id: 'until-limit' });
    await stage.send(Flow('waiting').asks(), { id: 'mailing' });
    await stage.send(Flow('waiting').asksFor(), { id: 'callback-limit' });
    await stage.send(Flow('waiting').spreads({ count: 5 }), { id: 'spread' });
    await stage.send(Flow('waiting').splits(), { id: 'patched' });
    await stage.send(Flow('waiting').draws(), { id: 'drawn' });
    await stage.send(Flow('waiting').races(), { id: 'race' });
    await stage.send(Flow('waiting').undoes({ n: 6 }), { id: 'saga' });
    await stage.send(Flow('waiting').arms());
    await stage.send(Flow('server').serves(), { id: 'serving', context });
    await stage.send(Flow('server').serves(), { id: 'queued' });
    await stage.send(Flow('caller').calls({ to: 'server' }), { id: 'calling', context });
    await stage.send(Flow('unborn').born(), { id: 'born', context });
    await stage.pass(3 * HOUR);
  });

/** A callback whose mail is out, and a call of a query that has no answer yet. */
export const asked: Scenario = (log) =>
  played(log, ABLE, async (stage) => {
    await stage.send(Flow('asker').asks(), { id: 'callback', isUpdate: true });
    await stage.send(Note('b').write({ text: 'counted' }));
    await stage.send(Flow('asker').queries({ of: 'b' }), { id: 'query' });
    const at = log.turns.findLastIndex(({ stream }) => stream === 'flow-asker') - 1;
    log.turns.length = at + 1; // the crash came before the answer
  });

/** Runs that have ended in every way. */
export const ended: Scenario = (log) =>
  played(log, ABLE, async (stage) => {
    await stage.send(Flow('done').works({ n: 4 }), { id: 'completed', isUpdate: true });
    await stage.send(Flow('done').works({ n: 666 }), { id: 'activity-rejected' });
    await stage.send(Flow('done').works({ n: -4 }), { id: 'activity-failed' });
    await stage.send(Flow('done').refuses(), { id: 'rejected' });
    await stage.send(Flow('done').sleeps(), { id: 'stopped' });
    await stage.send(Flow('done').stops());
    await stage.send(Flow('done').waitsFor(), { id: 'timed-out' });
    await stage.send(Flow('done').splits(), { id: 'patched' });
    await stage.send(Flow('done').draws(), { id: 'drawn' });
    await stage.send(Flow('done').undoes({ n: 8 }), { id: 'undone' });
    await stage.send(Flow('done').spreads({ count: 5 }), { id: 'spread' });
    await stage.send(Flow('done').loops({ count: 120 }), { id: 'looped' });
    await stage.send(Flow('done').waits(), { id: 'until' });
    await stage.send(Flow('done').approve());
    await stage.send(Flow('born').born(), { id: 'birth', context: { correlation: 'corr-3' } });
    await stage.send(Flow('born').born(), { id: 'again' });
    await stage.send(Flow('caller').calls({ to: 'server' }), { id: 'of-terminated' });
    await stage.admin({ type: 'flow', id: 'server', verb: 'terminate' });
    await stage.send(Flow('caller').calls({ to: 'server' }), { id: 'of-forgotten' });
    await stage.admin({ type: 'flow', id: 'server', verb: 'forget' });
    await stage.send(Flow('caller').calls({ to: 'other' }), { id: 'of-completed' });
    await stage.send(Flow('caller').calls({ to: 'other' }), { id: 'of-cancelled' });
    await stage.admin({ type: 'flow', id: 'caller', verb: 'cancel', run: 'of-cancelled' });
    await stage.send(Flow('terminated').waits(), { id: 'cancelled' });
    await stage.admin({ type: 'flow', id: 'terminated', verb: 'cancel', run: 'cancelled' });
    await stage.send(Flow('terminated').waits(), { id: 'terminated' });
    await stage.admin({ type: 'flow', id: 'terminated', verb: 'terminate', run: 'terminated' });
    for (let n = 0; n < 4; n += 1) await stage.pass(24 * HOUR);
  });

/** Runs that stand still: stalled in each way, deferred and held while their entity is paused or parked, cancelled and not told yet. */
export const standstill: Scenario = (log) =>
  played(log, ABLE, async (stage) => {
    await stage.send(Flow('stalled').mends(), { id: 'defect' });
    await stage.send(Flow('stalled').undoes({ n: -5 }), { id: 'compensation' });
    await stage.send(Flow('stalled').sleeps(), { id: 'diverged' });
    await stage.send(Flow('retried').mends(), { id: 'mended' });
    await stage.pass(HOUR);
    await stage.send(Flow('retried').approve());
    await stage.admin({ type: 'flow', id: 'retried', verb: 'retry' });

    await stage.send(Flow('paused').sleeps(), { id: 'cancelled' });
    await stage.send(Flow('paused').calls({ to: 'callee' }), { id: 'deferred' });
    await stage.admin({ type: 'flow', id: 'paused', verb: 'pause' });
    await stage.admin({ type: 'flow', id: 'paused', verb: 'cancel', run: 'cancelled' });
    await stage.pass(5 * HOUR);
    await stage.admin({ type: 'flow', id: 'paused-callee', verb: 'pause' });
    await stage.send(Flow('caller').calls({ to: 'paused-callee' }), { id: 'of-held' });
    await diverged(stage);
  });

async function diverged(stage: Stage): Promise<void> {
  deployed.isOtherCode = true;
  try {
    await stage.crash(ABLE);
    await stage.pass(24 * HOUR);
  } finally {
    deployed.isOtherCode = false;
  }
}

/** More is asked of the runs of an entity than one turn has room for, and the crash comes before the next. */
export const crowd: Scenario = (log) =>
  played(log, { ...ABLE, maxTurnBytes: 4_096 }, async (stage) => {
    const runs = [...Array(12).keys()].map((n) => `r${n}`);
    for (const id of runs) await stage.send(Flow('crowd').waits(), { id });
    await stage.admin({ type: 'flow', id: 'crowd', verb: 'cancel' });
    log.turns.length = runs.length + 1;
  });

/** All of them, by the name of their file. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = { notes, waits, asked, ended, standstill, crowd };
