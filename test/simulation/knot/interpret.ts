import { CancelledError, typed } from 'perdure';
import { charge, chore, type Errand, Knot, type KnotRun, type KnotSaga, mail, refund } from './model.ts';
import type { Chore, Part, Step } from './program.ts';

/** Where a step is carried out. */
interface Place<R = KnotRun> {
  readonly run: R;
  /** Names the run in the whole world. */
  readonly me: string;
  /** False in older code. */
  readonly isSound: boolean;
}

const PLAIN_ENDS = ['call-failed', 'forgotten', 'terminated', 'already-exists', 'cancelled', 'activity-failed', 'unknown-signal'];

/** Carries out a program. What went wrong with what it called is this run's "gave up"; a defect stalls it, a cancellation ends it. */
export async function carryOut(run: KnotRun, program: Step, isSound: boolean): Promise<{ value: unknown }> {
  const place = { run, me: `knot/${run.id} ${run.meta.signalId}`, isSound };
  try {
    return { value: await perform(place, program, '0') };
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const code = codeOf(error);
    if (error instanceof AggregateError || PLAIN_ENDS.includes(code)) throw Knot.reject('gave-up', { code });
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** Carries out one step. */
async function perform(place: Place, step: Step, path: string): Promise<unknown> {
  const { run, me, isSound } = place;
  const from = { from: `${me}@${path}`, n: 0 };
  switch (step.do) {
    case 'emit':
      run.emit.Bumped(from);
      return null;
    case 'send':
      run.send(Knot(step.id).bump({ ...from, bad: false }));
      return null;
    case 'timer':
      run.timers[step.timer].set(step.delayMs, step.key);
      return null;
    case 'stop':
      run.cancel(step.name);
      return null;
    case 'patched':
      if (isSound && run.patched(path)) run.emit.Noticed({ path, what: 'patched' });
      return null;
    case 'reject':
      throw Knot.reject('refused');
    case 'defect':
      if (!isSound) throw new Error('older code');
      return null;
    case 'try':
      return await caught(place, step.step, path);
    case 'saga':
      return await inSaga(place, step, path);
    case 'seq':
    case 'all':
    case 'race':
    case 'any':
    case 'settled':
    case 'map':
      return await together(place, step, path);
    default:
      return await leaf(place, step, path);
  }
}

type Leaf = Extract<Step, { do: 'chore' | 'bump' | 'run' | 'query' | 'sleep' | 'until' | 'callback' }>;

/** A step that waits for one thing. */
async function leaf(place: Place, step: Leaf, path: string): Promise<unknown> {
  const { run, me } = place;
  const from = { from: `${me}@${path}`, n: 0 };
  const tag = `${me}@${path}`;
  switch (step.do) {
    case 'chore':
      return await noticing(run, path, 'call', () => run.call(chore.with(optionsOf(step))(errandOf(step, tag))));
    case 'bump':
      return await noticing(run, path, 'call', () => run.call(Knot(step.id).bump({ ...from, bad: step.bad })));
    case 'run':
      return (await noticing(run, path, 'call', () => run.call(Knot(step.id)[step.name]({ ...from, program: step.program })))).value;
    case 'query':
      return (await noticing(run, path, 'call', () => run.call(Knot(step.id).view()))).bumps;
    case 'sleep':
      await noticing(run, path, 'wait', () => run.sleep(step.ms));
      return null;
    case 'until':
      return await bumped(run, step, path);
    case 'callback':
      return await calledBack(run, step, path, tag);
  }
}

async function bumped(run: KnotRun, step: Extract<Step, { do: 'until' }>, path: string): Promise<unknown> {
  const goal = run.state().bumps + step.more;
  const { timeoutMs: timeout } = step;
  const isThere = (state: { readonly bumps: number }) => state.bumps >= goal;
  const state = await noticing(run, path, 'wait', () => (timeout === undefined ? run.until(isThere) : run.until(isThere, { timeout })));
  if (state === undefined) return null;
  run.emit.Noticed({ path, what: 'satisfied', goal, bumps: state.bumps });
  return state.bumps;
}

async function calledBack(run: KnotRun, step: Extract<Step, { do: 'callback' }>, path: string, tag: string): Promise<unknown> {
  const { timeoutMs: timeout } = step;
  const output = typed<{ serial: number }>();
  const callback = timeout === undefined ? run.callback({ output }) : run.callback({ output, timeout });
  await noticing(run, path, 'call', () => run.call(mail({ tag, token: callback.token, behaviours: step.mail, timeoutMs: 1_500 })));
  return (await noticing(run, path, 'wait', () => callback)) ?? null;
}

/** Tells the judges of a cancellation. */
async function noticing<T>(run: KnotRun, path: string, at: 'call' | 'wait', start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof CancelledError) run.emit.Noticed({ path, what: 'cancelled', at });
    throw error;
  }
}

async function caught(place: Place, step: Step, path: string): Promise<unknown> {
  try {
    return await perform(place, step, `${path}.0`);
  } catch (error) {
    const code = codeOf(error);
    place.run.emit.Noticed({ path, what: 'caught', code });
    return code;
  }
}

type Group = Extract<Step, { steps: readonly Step[] }>;

async function together(place: Place, step: Group, path: string): Promise<unknown> {
  const { run } = place;
  const each = (one: Step, at: number) => perform(place, one, `${path}.${at}`);
  switch (step.do) {
    case 'seq': {
      let last: unknown = null;
      for (const [at, one] of step.steps.entries()) last = await each(one, at);
      return last;
    }
    case 'all':
      return await Promise.all(step.steps.map(each));
    case 'race':
      return await Promise.race(step.steps.map(each));
    case 'any':
      return await Promise.any(step.steps.map(each));
    case 'settled':
      return (await Promise.allSettled(step.steps.map(each))).map(({ status }) => status);
    case 'map':
      return await run.map(step.steps, each, { concurrency: step.concurrency });
  }
}

async function inSaga(place: Place, step: Extract<Step, { do: 'saga' }>, path: string): Promise<unknown> {
  await place.run.saga(async (saga) => {
    const registered = { count: 0 };
    const next = () => {
      registered.count += 1;
      return { saga: path, undo: registered.count - 1 };
    };
    const each = (part: Part, at: number) => partOf({ ...place, run: saga }, part, `${path}.${at}`, next);
    if (step.parallel) await Promise.all(step.parts.map(each));
    else for (const [at, part] of step.parts.entries()) await each(part, at);
    if (step.fails) throw Knot.reject('refused');
    saga.emit.Noticed({ path, what: 'saga-done' });
  });
  // So that what it has noticed stands, whatever comes next.
  await noticing(place.run, path, 'wait', () => place.run.sleep(1));
  return null;
}

async function partOf(
  place: Place<KnotSaga>,
  part: Part,
  path: string,
  next: () => { readonly saga: string; readonly undo: number },
): Promise<unknown> {
  const { run: saga, me } = place;
  const tag = `${me}@${path}`;
  switch (part.do) {
    case 'step':
      return await perform(place, part.step, path);
    case 'hold': {
      const own = { tag, ...next() };
      saga.compensate(Knot(part.id).free(own));
      await noticing(saga, path, 'call', () => saga.call(Knot(part.id).hold({ ...own, amount: part.amount })));
      return null;
    }
    case 'move': {
      const units = { tag, amount: part.amount };
      await noticing(saga, path, 'call', () => saga.call(Knot(part.from).take({ ...units, saga: '', undo: -1 })));
      saga.compensate(Knot(part.from).give({ ...units, ...next() }));
      const own = next();
      saga.compensate(Knot(part.to).ungive({ tag, ...own }));
      await noticing(saga, path, 'call', () => saga.call(Knot(part.to).give({ ...units, ...own })));
      return null;
    }
    case 'charge': {
      const own = { ...errandOf(part, tag), ...next() };
      saga.compensate(refund({ ...own, behaviours: ['ok', 'twice', 'fail', 'ok'], timeoutMs: 2_000 }));
      return await noticing(saga, path, 'call', () => saga.call(charge.with(optionsOf(part))(own)));
    }
  }
}

function errandOf({ behaviours, timeoutMs }: Chore, tag: string): Errand {
  return { tag, behaviours, timeoutMs };
}

function optionsOf({ timeoutMs, heartbeatMs, deadlineMs, attempts }: Chore) {
  return {
    timeout: timeoutMs,
    retry: { initial: 60, factor: 2, max: 400, ...(attempts === undefined ? {} : { attempts }) },
    ...(heartbeatMs === undefined ? {} : { heartbeat: heartbeatMs }),
    ...(deadlineMs === undefined ? {} : { deadline: deadlineMs }),
  };
}
