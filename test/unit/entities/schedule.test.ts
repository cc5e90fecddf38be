import fc from 'fast-check';
import type { EventOf } from 'perdure';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Account } from '../../../entities/account.ts';
import { Schedule, schedule } from '../../../entities/schedule.ts';
import { schedules } from '../../../projections/schedules.ts';
import { given } from '../../../runtime/testing/given.ts';
import { live } from './live.ts';
import { rowsOf } from './rows.ts';

type Event = EventOf<typeof schedule>;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (iso: string) => Date.parse(iso);
/** Three in the morning, every day, asked for at midnight. */
const MIDNIGHT = at('2026-03-01T00:00:00Z');
const THREE = MIDNIGHT + 3 * HOUR;
const DAY = 24 * HOUR;
const target = { type: 'account', id: 'a', name: 'deposit', payload: { amount: 1 } };
const daily = { cron: '0 3 * * *', target };
const s = Schedule('s');
const set = (setting: Parameters<typeof s.set>[0] = daily, nowMs = MIDNIGHT) => given(schedule).when(s.set(setting), { nowMs });
const typesOf = (events: readonly Event[]) => events.map(({ type }) => type);

describe('set', () => {
  it('plans the first time and says what was left out: UTC, and one firing for what was missed', () => {
    const then = set();
    expect(then.events).toEqual([{ type: 'Set', data: { ...daily, timezone: 'UTC', missed: 'once', nextAt: THREE } }]);
    expect(then.timers).toEqual({ tick: THREE });
    expect(then.sent).toEqual([]);
  });

  it('takes a message as its target', () => {
    const then = set({ cron: '@hourly', target: Account('a').deposit({ amount: 1 }) });
    expect(then.fires('tick').sent).toEqual([target]);
  });

  it('again replaces what was there', () => {
    const then = set().when(s.set({ cron: '30 12 * * *', target }), { nowMs: MIDNIGHT + 1 });
    expect(then.timers).toEqual({ tick: MIDNIGHT + 12 * HOUR + 30 * MINUTE });
  });

  it('does not wake a schedule that is paused', () => {
    const then = set()
      .when(s.pause())
      .when(s.set({ cron: '@hourly', target }));
    expect(then.timers).toEqual({});
    expect(then.state).toMatchObject({ status: 'paused', nextAt: null, setting: { cron: '@hourly' } });
    expect(then.when(s.resume(), { nowMs: THREE + 1 }).timers).toEqual({ tick: THREE + HOUR });
  });

  it.each([
    ['61 * * * *', undefined, { field: 'cron', why: 'Invalid value for minute: 61' }],
    ['*/0 * * * *', undefined, { field: 'cron', why: 'Syntax error, illegal stepping: 0' }],
    ['nope', undefined, { field: 'cron', why: expect.stringContaining("'nope'") }],
    ['0 0 0 1 1 * 2031', undefined, { field: 'cron', why: expect.stringContaining('5 or 6 parts') }],
    ['2031-01-01T00:00:00', undefined, { field: 'cron', why: 'a date is no cron expression' }],
    ['0 0 31 2 *', undefined, { field: 'cron', why: 'there is no such time' }],
    ['0 3 * * *', 'Mars/Olympus', { field: 'timezone', why: expect.stringContaining('Mars/Olympus') }],
  ])('of %s in %s is rejected with what is wrong', (cron, timezone, details) => {
    const then = set(timezone === undefined ? { cron, target } : { cron, timezone, target });
    expect(then.rejection).toMatchObject({ code: 'bad-cron', details });
    expect(then.events).toEqual([]);
    expect(then.timers).toEqual({});
  });

  it.each([
    { ...daily, cron: '' },
    { ...daily, cron: '*'.repeat(256) },
    { ...daily, timezone: 'x'.repeat(65) },
    { ...daily, target: { ...target, type: 'Account' } },
    { ...daily, target: { ...target, id: '' } },
    { ...daily, target: { ...target, name: '' } },
    { ...daily, target: { ...target, payload: 'x'.repeat(4_095) } },
    { ...daily, target: { ...target, payload: 1n } },
    { ...daily, target: { type: 'account', id: 'a', name: 'close', payload: undefined } },
  ])('refuses the payload %#', (setting) => {
    expect(() => set(setting)).toThrow(/invalid-payload/);
  });
});

describe('a cron time', () => {
  it('sends the target, says when the next one is and plans it', () => {
    const then = set().fires('tick');
    expect(then.events).toEqual([{ type: 'Fired', data: { at: THREE, nextAt: THREE + DAY } }]);
    expect(then.sent).toEqual([target]);
    expect(then.timers).toEqual({ tick: THREE + DAY });
  });

  it('that the node comes to a little late is still one, and the times stay where they are', () => {
    for (const missed of ['skip', 'once', 'all'] as const) {
      const then = set({ ...daily, missed }).fires('tick', '', { nowMs: THREE + MINUTE });
      expect(then.events, missed).toEqual([{ type: 'Fired', data: { at: THREE, nextAt: THREE + DAY } }]);
    }
  });

  it('every second is fired once for those that passed in between', () => {
    const then = set({ cron: '* * * * * *', target, missed: 'skip' }).fires('tick', '', { nowMs: MIDNIGHT + 3_400 });
    expect(then.events).toEqual([
      { type: 'Skipped', data: { from: MIDNIGHT + 1_000, nextAt: MIDNIGHT + 3_000 } },
      { type: 'Fired', data: { at: MIDNIGHT + 3_000, nextAt: MIDNIGHT + 4_000 } },
    ]);
  });

  it('of a rule that has no further one is the last', () => {
    const last = given(schedule, {
      type: 'Set',
      data: { ...daily, cron: '0 0 31 2 *', timezone: 'UTC', missed: 'once', nextAt: THREE },
    }).fires('tick', '', { nowMs: THREE, id: 's' });
    expect(last.events).toEqual([{ type: 'Fired', data: { at: THREE, nextAt: null } }]);
    expect(last.timers).toEqual({});
  });
});

describe('times that passed while nothing ran', () => {
  const back = THREE + 3 * DAY + HOUR;

  it('are made up for by one firing, for the last of them', () => {
    const then = set().fires('tick', '', { nowMs: back });
    expect(then.events).toEqual([
      { type: 'Skipped', data: { from: THREE, nextAt: THREE + 3 * DAY } },
      { type: 'Fired', data: { at: THREE + 3 * DAY, nextAt: THREE + 4 * DAY } },
    ]);
    expect(then.sent).toEqual([target]);
    expect(then.timers).toEqual({ tick: THREE + 4 * DAY });
  });

  it('are let go under skip', () => {
    const then = set({ ...daily, missed: 'skip' }).fires('tick', '', { nowMs: back });
    expect(then.events).toEqual([{ type: 'Skipped', data: { from: THREE, nextAt: THREE + 4 * DAY } }]);
    expect(then.sent).toEqual([]);
    expect(then.timers).toEqual({ tick: THREE + 4 * DAY });
  });

  it('but for the one that is on time under skip', () => {
    const then = set({ ...daily, missed: 'skip' }).fires('tick', '', { nowMs: THREE + 3 * DAY + 5 });
    expect(typesOf(then.events)).toEqual(['Skipped', 'Fired']);
    expect(then.sent).toEqual([target]);
  });

  it('are fired one by one under all', () => {
    const then = set({ ...daily, missed: 'all' }).fires('tick', '', { nowMs: back });
    expect(then.events).toEqual(
      [0, 1, 2, 3].map((day) => ({ type: 'Fired', data: { at: THREE + day * DAY, nextAt: THREE + (day + 1) * DAY } })),
    );
    expect(then.sent).toHaveLength(4);
    expect(then.timers).toEqual({ tick: THREE + 4 * DAY });
  });

  it('are as many a turn as it may hold under all, and the next turn is due at once', () => {
    const first = set({ cron: '* * * * *', target: { ...target, payload: '€'.repeat(4_000) }, missed: 'all' }).fires('tick', '', {
      nowMs: MIDNIGHT + 40 * MINUTE,
    });
    expect(first.events).toHaveLength(32);
    expect(first.timers).toEqual({ tick: MIDNIGHT + 33 * MINUTE });
    const second = first.fires('tick', '', { nowMs: MIDNIGHT + 40 * MINUTE });
    expect(second.events).toHaveLength(8);
    expect(second.timers).toEqual({ tick: MIDNIGHT + 41 * MINUTE });
  });

  it('cost the same however many they were, unless all are wanted', () => {
    const then = set({ cron: '* * * * * *', target }).fires('tick', '', { nowMs: MIDNIGHT + 3_650 * DAY });
    expect(then.events).toHaveLength(2);
  });
});

describe('pause, resume, trigger and delete', () => {
  it('pause takes the plan away, resume plans from now on: what came meanwhile was not wanted', () => {
    const paused = set().when(s.pause());
    expect(paused.events).toEqual([{ type: 'Paused' }]);
    expect(paused.timers).toEqual({});
    const resumed = paused.when(s.resume(), { nowMs: THREE + 5 * DAY + 1 });
    expect(resumed.events).toEqual([{ type: 'Resumed', data: { nextAt: THREE + 6 * DAY } }]);
    expect(resumed.timers).toEqual({ tick: THREE + 6 * DAY });
    expect(resumed.sent).toEqual([]);
  });

  it('said twice change nothing', () => {
    expect(set().when(s.resume()).events).toEqual([]);
    expect(set().when(s.pause()).when(s.pause()).events).toEqual([]);
  });

  it('trigger sends at once and leaves the plan alone, also of a paused one', () => {
    const triggered = set().when(s.trigger(), { nowMs: MIDNIGHT + 5 });
    expect(triggered.events).toEqual([{ type: 'Triggered', data: { at: MIDNIGHT + 5 } }]);
    expect(triggered.sent).toEqual([target]);
    expect(triggered.timers).toEqual({ tick: THREE });
    expect(set().when(s.pause()).when(s.trigger()).sent).toEqual([target]);
  });

  it('delete ends it; it may be set again', () => {
    const deleted = set().when(s.delete());
    expect(deleted.events).toEqual([{ type: 'Deleted' }]);
    expect(deleted.timers).toEqual({});
    expect(deleted.state).toEqual({ status: 'unset' });
    expect(deleted.when(s.delete()).events).toEqual([]);
    expect(deleted.when(s.set(daily)).timers).toEqual({ tick: THREE });
  });

  it.each(['pause', 'resume', 'trigger'] as const)('%s of one that was never set or is deleted is rejected', (name) => {
    expect(given(schedule).when(s[name]()).rejection?.code).toBe('not-set');
    expect(set().when(s.delete()).when(s[name]()).rejection?.code).toBe('not-set');
  });
});

describe('time zones', () => {
  const firings = (cron: string, fromMs: number, count: number) => {
    const first = set({ cron, timezone: 'Europe/Berlin', target }, fromMs);
    const found: string[] = [];
    for (let then = first.fires('tick'); found.length < count; then = then.fires('tick')) {
      for (const event of then.events) if (event.type === 'Fired') found.push(new Date(event.data.at).toISOString());
    }
    return found;
  };

  it('a time of day follows the clock of its place', () => {
    expect(firings('0 3 * * *', at('2026-03-28T00:00:00Z'), 2)).toEqual(['2026-03-28T02:00:00.000Z', '2026-03-29T01:00:00.000Z']);
  });

  it('one that the clock leaves out comes right after the gap', () => {
    expect(firings('30 2 * * *', at('2026-03-29T00:00:00Z'), 2)).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
  });

  it('one that occurs twice comes once', () => {
    expect(firings('30 2 * * *', at('2026-10-25T00:00:00Z'), 2)).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });
});

describe('determinism', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('times come from the turn, never from the clock of the process', () => {
    const lifeAt = (systemMs: number) => {
      vi.useFakeTimers({ now: systemMs, toFake: ['Date'] });
      const then = set().fires('tick', '', { nowMs: THREE + 2 * DAY });
      return { events: then.events, timers: then.timers };
    };
    expect(lifeAt(at('1999-01-01T00:00:00Z'))).toEqual(lifeAt(at('2050-07-01T12:00:00Z')));
  });
});

describe('schedules', () => {
  it('has a row per schedule, from its setting to its end', () => {
    const life = live(schedule, 's');
    life.tell(s.set({ cron: '*/10 * * * *', target }));
    const row = () => rowsOf(schedules, life.events).get('s');
    const fixed = { id: 's', cron: '*/10 * * * *', timezone: 'UTC', missed: 'once', target: { type: 'account', id: 'a', name: 'deposit' } };
    expect(row()).toEqual({ ...fixed, status: 'active', nextAt: 10 * MINUTE, lastAt: null });
    life.passTo(25 * MINUTE);
    expect(row()).toEqual({ ...fixed, status: 'active', nextAt: 30 * MINUTE, lastAt: 20 * MINUTE });
    life.tell(s.pause());
    life.tell(s.trigger());
    expect(row()).toEqual({ ...fixed, status: 'paused', nextAt: null, lastAt: 25 * MINUTE });
    life.tell(s.set({ cron: '@daily', target }));
    expect(row()).toMatchObject({ status: 'paused', cron: '@daily', nextAt: null, lastAt: 25 * MINUTE });
    life.tell(s.resume());
    expect(row()).toMatchObject({ status: 'active', nextAt: DAY });
    life.tell(s.delete());
    expect(rowsOf(schedules, life.events).size).toBe(0);
  });
});

describe('any life of a schedule', () => {
  it('under all fires every cron time once, in order, however late the node comes to them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 * HOUR }), { minLength: 1, maxLength: 12 }), (delays) => {
        let then = set({ cron: '*/10 * * * *', target, missed: 'all' });
        const fired: number[] = [];
        let sent = 0;
        for (const delayMs of delays) {
          const due = Math.max(0, ...Object.values(then.timers));
          const next = then.fires('tick', '', { nowMs: due + delayMs });
          for (const event of next.events) if (event.type === 'Fired') fired.push(event.data.at);
          sent += next.sent.length;
          then = { ...next, result: undefined };
        }
        expect(fired).toEqual(fired.map((_, n) => MIDNIGHT + (n + 1) * 10 * MINUTE));
        expect(sent).toBe(fired.length);
        expect(then.timers).toEqual({ tick: MIDNIGHT + (fired.length + 1) * 10 * MINUTE });
      }),
    );
  });
});
