import { spawn } from 'node:child_process';
import crypto, { randomInt, randomUUID } from 'node:crypto';
import fs, { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guard, installGuard } from '../../../runtime/host/guard.ts';
import { doing, type FlowHandler, pay } from '../core/runs/flow.ts';
import { everyWay, RunWorld } from '../core/runs/run-world.ts';

let uninstall: () => void;
beforeAll(() => {
  uninstall = installGuard();
});
afterAll(() => uninstall());

const SEVERAL_YEARS_MS = 40 * 365 * 86_400_000;

function guarded(go: FlowHandler): RunWorld {
  const world = new RunWorld(doing({ go }));
  world.guard = guard;
  return world;
}

/** Starts the handler, and lets it go on after an await. */
async function afterAnAwait(work: () => unknown): Promise<RunWorld> {
  const world = guarded(async (run) => {
    await run.sleep(5);
    await null;
    const error = await Promise.resolve()
      .then(work)
      .then(
        () => 'nothing thrown',
        (thrown: unknown) => thrown,
      );
    run.emit.Said(String(error));
    return null;
  });
  await world.signal('go');
  await world.pass();
  return world;
}

describe('the guard in durable handlers', () => {
  it('N2: after any await clock and randomness answer from the segment, and come out the same on every node', async () => {
    const sample = () =>
      [Date.now(), new Date().toISOString(), Math.random(), crypto.randomUUID(), randomUUID(), globalThis.crypto.randomUUID()].join();
    const go: FlowHandler = async (run) => {
      run.emit.Said(sample());
      await run.sleep(50);
      run.emit.Said(sample());
      await run.call(pay(1));
      await Promise.all([run.sleep(10).then(() => run.emit.Said(sample())), run.sleep(20).then(() => run.emit.Said(sample()))]);
      run.emit.Said(sample());
      return null;
    };
    const world = await everyWay(
      () => doing({ go }),
      async (one) => {
        await one.signal('go');
        await one.pass();
        await one.completed('go', 2);
        while (await one.pass());
      },
      guard,
    );
    const said = world.said().map((text) => text.split(','));
    expect(said.map(([now]) => Number(now))).toEqual([1_000, 1_050, 1_060, 1_070, 1_070]);
    expect(said.map(([, date]) => Date.parse(date ?? ''))).toEqual([1_000, 1_050, 1_060, 1_070, 1_070]);
    // Each is drawn anew.
    expect(new Set(said.flatMap((values) => values.slice(2))).size).toBe(said.length * 4);
    expect(Date.now()).toBeGreaterThan(SEVERAL_YEARS_MS);
  });

  it.each([
    ['setTimeout', () => globalThis.setTimeout(() => undefined, 1)],
    ['setImmediate', () => setImmediate(() => undefined)],
    ['queueMicrotask', () => queueMicrotask(() => undefined)],
    ['setTimeout of node:timers', () => timers.setTimeout(() => undefined, 1)],
    ['setTimeout of node:timers/promises', () => timersPromises.setTimeout(1)],
    ['fetch', () => fetch('http://127.0.0.1:1')],
    ['a socket', () => net.connect(1)],
    ['an HTTP request', () => http.get('http://127.0.0.1:1')],
    ['fs.readFileSync', () => readFileSync('/dev/null')],
    ['fs.promises.readFile', () => readFile('/dev/null')],
    ['fs.existsSync', () => fs.existsSync('/dev/null')],
    ['a process', () => spawn('true')],
    ['crypto.randomInt', () => randomInt(5)],
    ['performance.now', () => performance.now()],
    ['process.hrtime', () => process.hrtime.bigint()],
  ])('N2: after an await %s throws, naming the cure', async (_name, work) => {
    const world = await afterAnAwait(work);
    expect(world.said()).toEqual([expect.stringMatching(/inside a handler, reducer or query is not deterministic; use /)]);
  });

  it('N1: code that runs in the same drain, between its awaits, never meets it', async () => {
    const foreign: { readonly now: number; readonly random: number }[] = [];
    const isDone = { yet: false };
    const outside = (async () => {
      while (!isDone.yet && foreign.length < 10_000) {
        foreign.push({ now: Date.now(), random: Math.random() });
        readFileSync('/dev/null');
        await null;
      }
    })();
    const own: number[] = [];
    const world = guarded(async (run) => {
      for (let n = 0; n < 50; n += 1) {
        own.push(Date.now());
        await null;
      }
      await run.sleep(1);
      for (let n = 0; n < 50; n += 1) {
        own.push(Date.now());
        await null;
      }
      return null;
    });
    await world.signal('go');
    await world.pass();
    isDone.yet = true;
    await outside;
    expect([...new Set(own)]).toEqual([1_000, 1_001]);
    expect(foreign.length).toBeGreaterThan(10);
    expect(foreign.every(({ now }) => now > SEVERAL_YEARS_MS)).toBe(true);
    expect(new Set(foreign.map(({ random }) => random)).size).toBe(foreign.length);
  });

  it('N1: what follows from a turn once it is durable stands outside of it', async () => {
    const world = guarded((run) => run.call(pay(1)));
    await world.signal('go');
    expect(world.effects).toMatchObject([{ kind: 'attempt', run: 'go', call: 1 }]);
    const attempt = async () => {
      await null;
      return [Date.now(), readFileSync('/dev/null').length];
    };
    expect(await attempt()).toEqual([expect.any(Number), 0]);
    expect(Date.now()).toBeGreaterThan(SEVERAL_YEARS_MS);
  });

  it('Z3: a run that awaits something foreign is told so; what woke it later may not use it', async () => {
    let wake = (): void => undefined;
    const foreign = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const world = guarded(async (run) => {
      await foreign;
      run.emit.Said('never');
      return null;
    });
    await world.signal('go');
    expect(world.open('go')?.stalled).toMatchObject({
      code: 'determinism',
      resumes: 'segment',
      message: expect.stringContaining('run.sleep'),
    });
    wake();
    await foreign;
    expect(world.said()).toEqual([]);
  });

  it('E2: a run that something foreign wakes while it waits is defective, whatever it catches', async () => {
    let wake = (): void => undefined;
    const foreign = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const world = guarded(async (run) => {
      const race = Promise.race([foreign, run.sleep(1_000)]);
      await race.then(() => run.emit.Said('woken')).catch(() => undefined);
      await run.sleep(1);
      return null;
    });
    await world.signal('go');
    wake();
    await foreign;
    await new Promise((resolve) => setImmediate(resolve));
    await world.pass();
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-over' });
    expect(world.said()).toEqual([]);
  });

  it('N3: uninstalled, everything is as it was', () => {
    const own = { now: Date.now, timeout: globalThis.setTimeout, read: fs.readFileSync };
    uninstall();
    expect(Date.now).not.toBe(own.now);
    expect(globalThis.setTimeout).not.toBe(own.timeout);
    expect(fs.readFileSync).not.toBe(own.read);
    guard.run(5, 'seed', () => expect(Date.now()).toBeGreaterThan(SEVERAL_YEARS_MS));
    uninstall = installGuard();
  });
});

describe('rejections that nobody takes', () => {
  it('of a run are told to the run, and the process goes on', async () => {
    await withoutOtherListeners(async () => {
      const world = guarded(async (run) => {
        await run.sleep(1);
        void Promise.reject(new TypeError('left alone'));
        void run.sleep(5).then(() => {
          throw new RangeError('also alone');
        });
        await run.sleep(10);
        return 'done';
      });
      await world.signal('go');
      while (await world.pass());
      await new Promise((resolve) => setImmediate(resolve));
      expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'done' });
      expect(world.told.map(({ event, fields }) => [event, String((fields as { readonly error: unknown }).error)])).toEqual([
        ['rejection-unhandled', 'TypeError: left alone'],
        ['rejection-unhandled', 'RangeError: also alone'],
      ]);
    });
  });

  it('outside of runs do what Node does: they are uncaught', async () => {
    const uncaught = await withoutOtherListeners(
      () =>
        new Promise((resolve) => {
          process.once('uncaughtException', resolve);
          void Promise.reject(new TypeError('foreign'));
        }),
    );
    expect(String(uncaught)).toBe('TypeError: foreign');
  });

  it('outside of runs are left to whoever else listens', async () => {
    const told = await withoutOtherListeners(
      () =>
        new Promise((resolve) => {
          process.once('unhandledRejection', resolve);
          void Promise.reject(new TypeError('foreign'));
        }),
    );
    expect(String(told)).toBe('TypeError: foreign');
  });
});

/** The test runner listens too, and fails what is rejected: it is asked to look away. */
async function withoutOtherListeners<T>(work: () => Promise<T>): Promise<T> {
  const events = ['unhandledRejection', 'uncaughtException'] as const;
  const others = events.map((event) => process.rawListeners(event).filter((listener) => listener.name !== 'onUnhandled'));
  for (const [at, event] of events.entries()) for (const listener of others[at] ?? []) process.off(event, listener as () => void);
  try {
    return await work();
  } finally {
    for (const [at, event] of events.entries()) for (const listener of others[at] ?? []) process.on(event, listener as () => void);
  }
}
