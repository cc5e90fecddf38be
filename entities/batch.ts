import { activity, CancelledError, durable, entity, type Run, signal } from 'perdure';
import { z } from 'zod';
import { refusalOf } from './callee.ts';
import { Sum } from './values.ts';

// ── contract ──

/** The maxima keep the sum of all task numbers below 2^53. */
const Range = z.object({
  tasks: z.int().min(1).max(10_000_000),
  childSize: z.int().min(1).max(10_000),
  first: z.int().min(0).max(100_000_000).exactOptional(),
});
/** `sum`: of the results of the tasks that were done. A batch that was cancelled has done and failed fewer than its tasks. */
const Tally = z.object({ done: Sum, failed: Sum, sum: Sum });

export const Batch = entity('batch', {
  start: signal({ input: Range, output: Tally, once: true }),
  cancel: signal(),
});

/** Task `n` of a batch; answers `n`. */
export const work = activity('work', {
  input: z.object({ n: z.int().min(0) }),
  output: z.int(),
  rejects: ['failed'],
  retry: { attempts: 3 },
  timeout: '1 minute',
});

// ── state ──

type Range = Readonly<z.output<typeof Range>>;
type Tally = Readonly<z.output<typeof Tally>>;
interface State extends Tally {
  readonly status: 'new' | 'running' | 'completed' | 'cancelled';
}

const model = Batch.fold((): State => ({ status: 'new', done: 0, failed: 0, sum: 0 }), {
  Started: (state, _range: Range) => ({ ...state, status: 'running' }),
  Progressed: (state, by: Tally) => ({ ...state, ...added(state, by) }),
  Completed: (state) => ({ ...state, status: 'completed' }),
  Cancelled: (state) => ({ ...state, status: 'cancelled' }),
});

const NOTHING: Tally = { done: 0, failed: 0, sum: 0 };

function added(one: Tally, other: Tally): Tally {
  return { done: one.done + other.done, failed: one.failed + other.failed, sum: one.sum + other.sum };
}

// ── behaviour ──

/** Children of one batch, so that a run stays short however many tasks there are. */
const MAX_CHILDREN = 1_000;
/** Children are named after their parent, unless that would make their ids longer than ids may be. */
const MAX_STEM = 200;
const CHILDREN_AT_ONCE = 10;
const TASKS_AT_ONCE = 100;
/** A batch of a thousand tasks tells how far it is ten times, not a thousand times. */
const TASKS_PER_EVENT = 100;

export const batch = model.implement({
  signals: {
    start: durable(async (batch, range) => {
      batch.emit.Started(range);
      await (range.tasks <= range.childSize ? doTasks(batch, range) : callChildren(batch, range));
      const { done, failed, sum } = batch.state();
      if (done + failed === range.tasks) batch.emit.Completed();
      else batch.emit.Cancelled();
      return { done, failed, sum };
    }),

    cancel(batch) {
      batch.cancel('start');
    },
  },
});

async function doTasks(batch: Run<typeof model>, { tasks, first = 0 }: Range): Promise<void> {
  let untold = NOTHING;
  const tell = () => {
    if (untold !== NOTHING) batch.emit.Progressed(untold);
    untold = NOTHING;
  };
  await forEach(tasks, TASKS_AT_ONCE, async (index) => {
    const call = batch.call(work({ n: first + index })).then((sum) => ({ done: 1, failed: 0, sum }));
    const tally = await tallied(call, 1);
    untold = added(untold, tally);
    if (untold.done + untold.failed >= TASKS_PER_EVENT) tell();
  });
  tell();
}

/**
 * Shares a batch out among children of at most `childSize` tasks. Where that would be too many of them, each takes several such shares and
 * has children of its own.
 */
async function callChildren(batch: Run<typeof model>, { tasks, childSize, first = 0 }: Range): Promise<void> {
  const shares = Math.ceil(tasks / childSize);
  const childTasks = childSize * Math.ceil(shares / MAX_CHILDREN);
  const stem = batch.id.length > MAX_STEM ? batch.uuid() : batch.id;
  await forEach(Math.ceil(tasks / childTasks), CHILDREN_AT_ONCE, async (index) => {
    const from = index * childTasks;
    const share = { first: first + from, tasks: Math.min(childTasks, tasks - from), childSize };
    batch.emit.Progressed(await tallied(batch.call(Batch(`${stem}.${index}`).start(share)), share.tasks));
  });
}

/**
 * Works through the indexes, some at once. A cancellation begins no more of them, but what is under way is waited for and counted: a task
 * that was done before the batch ended is a done task.
 */
async function forEach(count: number, atOnce: number, one: (index: number) => Promise<void>): Promise<void> {
  let begun = 0;
  let isCancelled = false;
  const lane = async () => {
    while (begun < count && !isCancelled) {
      begun += 1;
      try {
        await one(begun - 1);
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        isCancelled = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
}

/** What a call came to; all its tasks failed if it was refused. */
async function tallied(call: Promise<Tally>, tasks: number): Promise<Tally> {
  try {
    return await call;
  } catch (error) {
    if (refusalOf(error) === undefined || error instanceof CancelledError) throw error;
    return { ...NOTHING, failed: tasks };
  }
}
