import { activity, durable, entity, type Run, signal } from 'perdure';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

// Examples of runtime/DURABLE.md: activities, timers, code that changes, runs that stall.

const encode = activity('encode', {
  input: z.object({ video: z.string() }),
  output: z.object({ frames: z.int() }),
  rejects: ['no-video'],
  retry: { initial: '2 seconds', factor: 2, max: '1 minute', attempts: 5 },
  timeout: '2 hours', // of one attempt
  deadline: '1 day', // of all attempts and the waits between them
  heartbeat: '30 seconds', // silent for longer, an attempt is lost
});
const charge = activity('charge', { input: z.object({ plan: z.string(), period: z.int() }) });
const weigh = activity('weigh', { output: z.int() });
const label = activity('label');

const Studio = entity('studio', { publish: signal({ input: z.object({ video: z.string() }), output: z.int() }) });
const studio = Studio.fold((): null => null, {}).implement({
  signals: {
    publish: durable(async (studio, { video }) => {
      const { frames } = await studio.call(encode.with({ timeout: '10 minutes' })({ video }));
      return frames;
    }),
  },
});

const Plan = entity('plan', { subscribe: signal({ once: true }), end: signal() });
const plan = Plan.fold(
  (): { period: number } => ({ period: 0 }),
  { Renewed: (_state, { period }: { period: number }) => ({ period }), Ended: (state) => state },
  { timers: ['renewal'] },
).implement({
  signals: {
    subscribe: (plan) => plan.timers.renewal.set(0),
    end(plan) {
      plan.emit.Ended();
      plan.timers.renewal.clear();
    },
  },
  timers: {
    // A run per period, not one for years: it is short, and the next one is the code of its day.
    renewal: durable(async (plan) => {
      const period = plan.state().period + 1;
      plan.timers.renewal.set('30 days');
      await plan.call(charge({ plan: plan.id, period }));
      plan.emit.Renewed({ period });
    }),
  },
});

const Parcel = entity('parcel', { ship: signal({ output: z.string() }) });
const model = Parcel.fold((): null => null, { Weighed: (state, _grams: number) => state });
type Shipping = Run<typeof model>;

async function before(parcel: Shipping): Promise<string> {
  await parcel.sleep('1 hour');
  await parcel.call(label());
  await parcel.sleep('1 hour');
  return 'shipped';
}

async function after(parcel: Shipping): Promise<string> {
  await parcel.sleep('1 hour');
  if (parcel.patched('weigh-first')) parcel.emit.Weighed(await parcel.call(weigh()));
  await parcel.call(label());
  await parcel.sleep('1 hour');
  return 'shipped';
}

let deployed = before;
const parcel = model.implement({ signals: { ship: durable(async (parcel) => deployed(parcel)) } });

const Report = entity('report', { write: signal({ output: z.string() }), guess: signal(), wait: signal() });
let isMended = false;
const report = Report.fold((): null => null, {}).implement({
  signals: {
    write: durable(async (report) => {
      await report.sleep('1 hour');
      if (!isMended) throw new TypeError('pages is undefined');
      return `written for ${report.meta.baggage['tenant'] ?? 'nobody'}`;
    }),
    guess(report) {
      if (Date.now() !== report.now()) throw new Error('the clock answers from the turn');
      setInterval(() => {}, 1_000);
    },
    wait: durable(async () => {
      await new Promise(() => {});
    }),
  },
});

let world: TestRuntime;
afterEach(() => world.stop());

test('an attempt goes on where the one before had come to', async () => {
  const done: number[] = [];
  const encoding = encode.implement(
    async ({ video }, { signal, heartbeat, lastHeartbeat }) => {
      if (!video.endsWith('.mov')) throw encode.reject('no-video'); // final
      const from = typeof lastHeartbeat === 'number' ? lastHeartbeat : 0;
      for (let frame = from; frame < FRAMES; frame += 1) {
        signal.throwIfAborted(); // the run was cancelled, or time is up
        await encodeFrame(video, frame); // throws: tried again, by the policy
        heartbeat(frame + 1);
      }
      return { frames: FRAMES };
    },
    { concurrency: 2, ratePerSecond: 10 }, // of each node
  );
  let failures = 0;
  const encodeFrame = async (_video: string, frame: number): Promise<void> => {
    done.push(frame);
    if (frame === 2 && failures === 0) {
      failures += 1;
      throw new Error('the encoder was killed');
    }
  };
  world = await testRuntime({ entities: [studio], activities: [encoding] });
  expect(await world.update(Studio('s').publish({ video: 'a.mov' }))).toBe(FRAMES);
  expect(done).toEqual([0, 1, 2, 2, 3]);
  await expect(world.update(Studio('s').publish({ video: 'a.txt' }))).rejects.toMatchObject({ code: 'no-video', by: 'encode' });
});
const FRAMES = 4;

test('a year of renewals', async () => {
  const charges: number[] = [];
  world = await testRuntime({ entities: [plan], activities: [charge.implement(({ period }) => void charges.push(period))] });
  await world.signal(Plan('p').subscribe());
  await world.advance('359 days');
  await world.signal(Plan('p').end());
  await world.advance('60 days');
  expect(charges).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('a run keeps to the way that it has gone; new ones, and those that have not come so far, take the new one', async () => {
  const asked: string[] = [];
  deployed = before;
  const activities = [weigh.implement(() => asked.push('weigh')), label.implement(() => void asked.push('label'))];
  world = await testRuntime({ entities: [parcel], activities });
  const passed = await world.signal(Parcel('passed').ship());
  await world.advance('1 hour');
  const waiting = await world.signal(Parcel('waiting').ship());
  deployed = after;
  await world.crash();
  expect(await world.outcome(passed)).toBe('shipped');
  expect(asked).toEqual(['label', 'weigh', 'label']);
  expect(await world.outcome(waiting)).toBe('shipped');
  expect(world.events(parcel, 'passed')).toEqual([]);
  expect(world.events(parcel, 'waiting')).toEqual([{ type: 'Weighed', data: 2 }]);
});

test('a run that met a defect stalls alone, and goes on when it is retried under corrected code', async () => {
  isMended = false;
  world = await testRuntime({ entities: [report] });
  const sent = await world.signal(Report('r').write());
  await expect(world.advance('1 hour')).rejects.toThrow('pages is undefined');
  expect((await world.view(report, 'r')).runs).toMatchObject([{ status: 'stalled', problem: { code: 'defect' } }]);
  isMended = true; // and deployed
  await world.admin({ type: 'report', id: 'r', verb: 'retry' });
  expect(await world.outcome(sent)).toBe('written for nobody');
});

test('the guard answers or refuses; what awaits something of its own is told so', async () => {
  world = await testRuntime({ entities: [report] });
  await expect(world.signal(Report('q').guess())).rejects.toThrow('setInterval inside a handler, reducer or query is not deterministic');
  await expect(world.update(Report('r').wait())).rejects.toThrow('awaits something that is not the runtime');
});
