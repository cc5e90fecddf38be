// Durable handlers that do what they must not, one signal for each mistake, when FLAWED is 1; else the corrected code.
import { readFile } from 'node:fs/promises';
import { activity, durable, entity, signal } from 'perdure';
import { z } from 'zod';

const isFlawed = process.env.FLAWED === '1';
const Text = z.string();
const LARGE = 'x'.repeat(300_000);

const echo = activity('echo', { input: z.object({ text: Text }), output: Text });
const scan = activity('scan', { output: Text });
const swell = activity('swell', { output: Text, retry: { initial: 50, max: 100 } });
const boast = activity('boast', { output: Text, retry: { initial: 50, max: 100 } });
const undo = activity('undo', { output: Text, rejects: ['too-late'] });

const said = signal({ output: Text });
const Clumsy = entity(
  'clumsy',
  {
    ...{ activityMissing: said, activityInputLarge: said, activityInputWrong: said, activityOptionWrong: said },
    ...{ activityResultLarge: said, progressLarge: said },
    ...{ defect: said, foreignPromise: said, timer: said, request: said, file: said },
    ...{ rejectionNotPlain: said, resultWrong: said, resultLarge: said, segmentLarge: said, predicateThrows: said },
    ...{ compensationFails: said, manyCalls: said, callAbandoned: said, rejectionUnhandled: said },
    ping: said,
  },
  { rejects: ['no'] },
);
const model = Clumsy.fold(() => ({ said: 0 }), { Said: (state, _text) => ({ said: state.said + 1 }) });

/** A handler with a mistake behind its first await. */
const mistaken = (work) =>
  durable(async (run) => {
    run.emit.Said({ text: 'begun' });
    await run.sleep(1);
    await work(run);
    return 'done';
  });

const clumsy = model.implement({
  signals: {
    activityMissing: mistaken((run) => run.call(scan())),
    activityInputLarge: mistaken((run) => run.call(echo({ text: isFlawed ? LARGE : 'x' }))),
    activityInputWrong: mistaken((run) => run.call(echo(isFlawed ? { text: 7 } : { text: 'x' }))),
    activityOptionWrong: mistaken((run) => run.call(echo.with(isFlawed ? { timeOut: 5 } : { timeout: 5_000 })({ text: 'x' }))),
    activityResultLarge: mistaken((run) => run.call(swell())),
    progressLarge: mistaken((run) => run.call(boast())),
    defect: mistaken(() => {
      if (isFlawed) throw new TypeError('nobody thought of this');
    }),
    foreignPromise: mistaken(() => (isFlawed ? new Promise(() => {}) : undefined)),
    timer: mistaken((run) => (isFlawed ? new Promise((resolve) => setTimeout(resolve, 5)) : run.sleep(5))),
    request: mistaken(async () => {
      if (isFlawed) await fetch('http://127.0.0.1:9/');
    }),
    file: mistaken(async () => {
      if (isFlawed) await readFile('/dev/null');
    }),
    rejectionNotPlain: mistaken(() => {
      if (isFlawed) throw Clumsy.reject('no', { asked: { at: new Date(0) } });
    }),
    resultWrong: durable(async (run) => {
      await run.sleep(1);
      return isFlawed ? { no: 'text' } : 'done';
    }),
    resultLarge: durable(async (run) => {
      await run.sleep(1);
      return isFlawed ? LARGE.repeat(2) : 'done';
    }),
    segmentLarge: mistaken((run) => {
      for (let n = 0; n < (isFlawed ? 3 : 1); n += 1) run.emit.Said({ text: LARGE });
    }),
    predicateThrows: mistaken((run) =>
      run.until(({ said }) => {
        if (isFlawed) throw new RangeError('cannot tell');
        return said > 0;
      }),
    ),
    compensationFails: durable(async (run) => {
      try {
        await run.saga(async (saga) => {
          saga.compensate(undo());
          await saga.call(echo({ text: 'step' }));
          throw Clumsy.reject('no');
        });
      } catch {
        return 'done';
      }
      return 'never';
    }),
    manyCalls: mistaken((run) => Promise.all(Array.from({ length: isFlawed ? 10_001 : 10 }, () => run.sleep(1)))),
    callAbandoned: mistaken((run) => {
      run.call(echo({ text: 'fire' }));
    }),
    rejectionUnhandled: mistaken(async (run) => {
      void Promise.reject(new Error('nobody takes this'));
      await run.sleep(1);
    }),
    ping: () => 'pong',
  },
});

const activities = [
  echo.implement(({ text }) => text),
  swell.implement(() => (isFlawed ? LARGE : 'done')),
  boast.implement((_input, { heartbeat }) => {
    heartbeat(isFlawed ? { page: LARGE } : { page: 1 });
    return 'done';
  }),
  undo.implement(() => {
    if (isFlawed) throw undo.reject('too-late');
    return 'undone';
  }),
];

export default { entities: [clumsy], activities: isFlawed ? activities : [...activities, scan.implement(() => 'scanned')] };
