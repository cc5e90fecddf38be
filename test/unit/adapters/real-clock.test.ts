import { expect, test } from 'vitest';
import { forwardTime } from '../../../runtime/adapters/real-clock.ts';

/** Both clocks of a machine, moved by hand. */
function machine() {
  const clocks = { wallMs: 1_000_000, steadyMs: 5.25 };
  return {
    now: forwardTime(
      () => clocks.wallMs,
      () => clocks.steadyMs,
    ),
    passes(ms: number): void {
      clocks.wallMs += ms;
      clocks.steadyMs += ms;
    },
    set(byMs: number): void {
      clocks.wallMs += byMs;
    },
    wall: () => clocks.wallMs,
  };
}

test('time is wall time, and follows it forward', () => {
  const { now, passes, set, wall } = machine();
  expect(now()).toBe(1_000_000);
  passes(10);
  expect(now()).toBe(wall());
  set(3_600_000);
  expect(now()).toBe(wall());
});

test('put back, time stands at what it was and goes on at half its speed', () => {
  const { now, passes, set } = machine();
  const before = now();
  set(-3_600_000);
  expect(now()).toBe(before);
  passes(1_000);
  expect(now()).toBe(before + 500);
  passes(1);
  expect(now(), 'whole milliseconds').toBe(before + 500);
  passes(1);
  expect(now()).toBe(before + 501);
});

test('it is wall time again when that has caught up, and never goes back on the way', () => {
  const { now, passes, set, wall } = machine();
  now();
  set(-10_000);
  let last = now();
  for (let ms = 0; ms < 20_000; ms += 50) {
    passes(50);
    expect(now()).toBeGreaterThanOrEqual(last);
    last = now();
  }
  expect(now()).toBe(wall());
  passes(50);
  expect(now()).toBe(wall());
});

test('put back once more while it is catching up, it still does not go back', () => {
  const { now, passes, set, wall } = machine();
  const before = now();
  set(-1_000);
  expect(now()).toBe(before);
  passes(500);
  set(-1_000);
  expect(now()).toBe(before + 250);
  set(60_000);
  expect(now(), 'put forward beyond it, it follows').toBe(wall());
});
