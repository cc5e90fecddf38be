import { entity, signal, type Turn } from 'perdure';
import { z } from 'zod';
import { type CronTimes, flawOf, lastUntil, nextAfter } from './cron.ts';
import { Identifier } from './values.ts';

// ── contract ──

const MAX_PAYLOAD_CHARS = 4_096;
/** A message as it is sent at every cron time. Its payload is small: the state holds it, and a turn that makes up for many times holds many. */
const Target = z.object({
  type: z
    .string()
    .max(64)
    .regex(/^[a-z][A-Za-z0-9]*$/),
  id: Identifier,
  name: z.string().min(1).max(128),
  payload: z.unknown().refine(isSmall, `plain data of at most ${MAX_PAYLOAD_CHARS} characters as JSON`),
});

function isSmall(payload: unknown): boolean {
  try {
    return (JSON.stringify(payload)?.length ?? Number.POSITIVE_INFINITY) <= MAX_PAYLOAD_CHARS;
  } catch {
    return false; // what is no JSON at all is no plain data either
  }
}

/** What happens to times that passed while nothing ran: none of them, the last one, or all of them. */
const Missed = z.enum(['skip', 'once', 'all']);
const Setting = z.object({
  cron: z.string().min(1).max(255),
  timezone: z.string().min(1).max(64).default('UTC'),
  missed: Missed.default('once'),
  target: Target,
});

export const Schedule = entity(
  'schedule',
  {
    set: signal({ input: Setting }),
    pause: signal(),
    resume: signal(),
    trigger: signal(),
    delete: signal(),
  },
  { rejects: ['bad-cron', 'not-set'] },
);

// ── state ──

export type Setting = Readonly<z.output<typeof Setting>>;
/** A cron time and the one after it; times are milliseconds since 1970, and `nextAt` is null when there is none. */
interface Next {
  readonly nextAt: number | null;
}
interface Fired extends Next {
  readonly at: number;
}
/** Cron times that were let go: from `from` on, up to `nextAt` and without it. */
interface Passed extends Next {
  readonly from: number;
}
interface Running extends Next {
  readonly status: 'active' | 'paused';
  readonly setting: Setting;
  readonly lastAt: number | null;
}
type State = { readonly status: 'unset' } | Running;

const model = Schedule.fold(
  (): State => ({ status: 'unset' }),
  {
    Set: (state, { nextAt, ...setting }: Setting & Next) =>
      state.status === 'unset' ? { status: 'active', setting, nextAt, lastAt: null } : { ...state, setting, nextAt },
    Paused: (state) => (state.status === 'unset' ? state : { ...state, status: 'paused', nextAt: null }),
    Resumed: (state, { nextAt }: Next) => (state.status === 'unset' ? state : { ...state, status: 'active', nextAt }),
    Fired: (state, { at, nextAt }: Fired) => (state.status === 'unset' ? state : { ...state, lastAt: at, nextAt }),
    Skipped: (state, { nextAt }: Passed) => (state.status === 'unset' ? state : { ...state, nextAt }),
    Triggered: (state, { at }: { at: number }) => (state.status === 'unset' ? state : { ...state, lastAt: at }),
    Deleted: () => ({ status: 'unset' }),
  },
  { timers: ['tick'] },
);

// ── behaviour ──

/** Later than this, a time was missed; earlier, the node was merely busy. */
const GRACE_MS = 60_000;
/** Missed times that are made up for in one turn; the others follow in the next ones. */
const MAX_FIRED_PER_TURN = 32;

export const schedule = model.implement({
  signals: {
    set(schedule, setting) {
      const flaw = flawOf(setting, schedule.now());
      if (flaw !== undefined) throw Schedule.reject('bad-cron', flaw);
      // A schedule that is paused stays so: whoever changes it did not ask for it to go on.
      const isPaused = schedule.state().status === 'paused';
      schedule.emit.Set({ ...setting, nextAt: isPaused ? null : (nextAfter(setting, schedule.now()) ?? null) });
      arm(schedule);
    },

    pause(schedule) {
      if (running(schedule).status === 'paused') return;
      schedule.emit.Paused();
      arm(schedule);
    },

    // What came while it was paused was not missed: somebody did not want it.
    resume(schedule) {
      const { status, setting } = running(schedule);
      if (status === 'active') return;
      schedule.emit.Resumed({ nextAt: nextAfter(setting, schedule.now()) ?? null });
      arm(schedule);
    },

    trigger(schedule) {
      const { setting } = running(schedule);
      schedule.emit.Triggered({ at: schedule.now() });
      schedule.send(setting.target);
    },

    delete(schedule) {
      if (schedule.state().status === 'unset') return;
      schedule.emit.Deleted();
      arm(schedule);
    },
  },

  timers: {
    tick(schedule) {
      const state = schedule.state();
      if (state.status !== 'active' || state.nextAt === null) return;
      if (state.setting.missed === 'all') fireAll(schedule, state.setting, state.nextAt);
      else fireLast(schedule, state.setting, state.nextAt);
      arm(schedule);
    },
  },
});

function running(schedule: Turn<typeof model>): Running {
  const state = schedule.state();
  if (state.status === 'unset') throw Schedule.reject('not-set');
  return state;
}

/** The timer follows the state: it is due at the next time, and there is none without one. */
function arm(schedule: Turn<typeof model>): void {
  const state = schedule.state();
  if (state.status === 'active' && state.nextAt !== null) schedule.timers.tick.set(new Date(state.nextAt));
  else schedule.timers.tick.clear();
}

/** Fires for the last time that has come, if that is wanted; those before it are let go. `dueAt` is the first of them. */
function fireLast(schedule: Turn<typeof model>, { missed, target, ...times }: Setting, dueAt: number): void {
  const lastAt = Math.max(dueAt, lastUntil(times, schedule.now()) ?? dueAt);
  const nextAt = nextAfter(times, lastAt) ?? null;
  if (missed === 'skip' && schedule.now() - lastAt > GRACE_MS) {
    schedule.emit.Skipped({ from: dueAt, nextAt });
    return;
  }
  if (dueAt < lastAt) schedule.emit.Skipped({ from: dueAt, nextAt: lastAt });
  fire(schedule, target, { at: lastAt, nextAt });
}

/** Fires for every time that has come, as many as a turn may hold. */
function fireAll(schedule: Turn<typeof model>, { target, ...times }: CronTimes & Pick<Setting, 'target'>, dueAt: number): void {
  let at: number | undefined = dueAt;
  for (let fired = 0; at !== undefined && (fired === 0 || at <= schedule.now()) && fired < MAX_FIRED_PER_TURN; fired++) {
    const next = nextAfter(times, at);
    fire(schedule, target, { at, nextAt: next ?? null });
    at = next;
  }
}

function fire(schedule: Turn<typeof model>, target: Setting['target'], fired: Fired): void {
  schedule.emit.Fired(fired);
  schedule.send(target);
}
