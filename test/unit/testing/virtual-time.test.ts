import { setImmediate as breath } from 'node:timers/promises';
import { activity, typed } from 'perdure';
import { expect, test } from 'vitest';
import { Mortal } from '../../../runtime/testing/mortal.ts';
import { Patience } from '../../../runtime/testing/patience.ts';
import { VirtualTime } from '../../../runtime/testing/virtual-time.ts';

function runAll(time: VirtualTime): void {
  while (time.step());
}

test('V1 steps run in the order of their time, then in the order they were planned', () => {
  const time = new VirtualTime(1_000);
  const ran: string[] = [];
  time.plan(20, () => ran.push('c'));
  time.plan(10, () => ran.push('a'));
  time.plan(10, () => ran.push('b'));
  time.plan(0, () => ran.push('now'));
  runAll(time);
  expect(ran).toEqual(['now']);
  expect(time.nextMs).toBe(1_010);
  time.moveTo(1_020);
  runAll(time);
  expect(ran).toEqual(['now', 'a', 'b', 'c']);
  expect(time.nextMs).toBeUndefined();
});

test('V1 a cancelled step never runs, whether it is due or not', () => {
  const time = new VirtualTime(0);
  const ran: string[] = [];
  time.plan(5, () => ran.push('later'))();
  time.plan(0, () => ran.push('due'))();
  const one = time.plan(5, () => ran.push('one'));
  time.plan(5, () => ran.push('two'));
  time.moveTo(5);
  one();
  runAll(time);
  expect(ran).toEqual(['two']);
});

test('V2 time never goes back, and a fraction of a millisecond is rounded up', () => {
  const time = new VirtualTime(100);
  time.plan(0.2, () => undefined);
  expect(time.nextMs).toBe(101);
  time.moveTo(50);
  expect(time.nowMs).toBe(100);
});

const look = activity('look', { output: typed<string>() });

/** Real time that is waited for the attempts under way, milliseconds at least. */
async function patienceOf(patience: Patience): Promise<number> {
  let waitedMs = 0;
  while (await patience.waited()) waitedMs += 1;
  return waitedMs;
}

function called({ work }: { readonly work: unknown }): unknown {
  if (typeof work !== 'function') throw new Error('an implementation has work');
  return work({}, {});
}

test('A1 an attempt that needs real time gets it; one that never settles is given up, and the next one sooner', async () => {
  const patience = new Patience();
  expect(await patienceOf(patience)).toBe(0);
  const quick = patience.watched(look.implement(async () => breath('seen')));
  const answer = called(quick);
  expect(await patienceOf(patience)).toBeLessThan(40);
  expect(await answer).toBe('seen');
  const never = patience.watched(look.implement(() => new Promise(() => undefined)));
  called(never);
  expect(await patienceOf(patience)).toBe(40);
  called(never);
  expect(await patienceOf(patience)).toBe(5);
});

test('A1 what an implementation returns and throws is not changed', async () => {
  const patience = new Patience();
  expect(called(patience.watched(look.implement(() => 'plain')))).toBe('plain');
  expect(() =>
    called(
      patience.watched(
        look.implement(() => {
          throw new Error('no');
        }),
      ),
    ),
  ).toThrow('no');
  expect(await patienceOf(patience)).toBe(0);
  const failing = called(patience.watched(look.implement(() => Promise.reject(new Error('later')))));
  await expect(failing).rejects.toThrow('later');
});

test('M1 nothing of a life goes on after its end: no step, no promise', async () => {
  const time = new VirtualTime(0);
  const life = new Mortal(time);
  const ran: string[] = [];
  life.soon(() => ran.push('soon'));
  life.clock.after(5, () => ran.push('later'));
  runAll(time);
  let finish: (value: string) => void = () => undefined;
  const lasting = life.lasting(() => new Promise<string>((resolve) => (finish = resolve)));
  void lasting.then(() => ran.push('settled'));
  life.onEnd(() => ran.push('ended'));
  life.onEnd(() => ran.push('not'))();
  life.soon(() => ran.push('dropped'));
  life.end();
  life.end();
  time.moveTo(5);
  runAll(time);
  finish('late');
  await breath();
  expect(ran).toEqual(['soon', 'ended']);
  expect(life.alive).toBe(false);
});
