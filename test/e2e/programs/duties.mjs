// Everything that an entity may owe. The activity `job` asks JOBS_URL, which the test answers.
import { activity, CancelledError, durable, entity, query, serial, signal } from 'perdure';
import { z } from 'zod';

const Named = z.object({ job: z.string(), attempts: z.int().exactOptional(), backoffMs: z.int().exactOptional() });
const Ms = z.object({ ms: z.int() });
const Text = z.string();

const job = activity('job', {
  input: z.object({ name: z.string() }),
  output: z.unknown(),
  rejects: ['refused'],
  retry: { initial: 700, factor: 1 },
  timeout: '1 minute',
  heartbeat: '30 seconds',
});

const Duty = entity(
  'duty',
  {
    work: signal({ input: Named, output: Text, once: true }),
    queue: signal({ input: Named, output: Text }),
    nap: signal({ input: Ms, output: Text }),
    wait: signal({ input: z.object({ ms: z.int().exactOptional() }), output: Text }),
    open: signal(),
    ask: signal({ input: z.object({ ms: z.int().exactOptional(), thenMs: z.int() }), output: Text }),
    visit: signal({ input: Named.extend({ id: z.string() }), output: Text }),
    undo: signal({ input: z.object({ step: z.string(), undo: z.string() }), output: Text }),
    alarm: signal({ input: Named.extend({ ms: z.int() }) }),
    stop: signal({ input: z.object({ name: z.string() }) }),
    told: query({ output: z.array(z.string()) }),
  },
  { rejects: ['no'] },
);

const model = Duty.fold(
  () => ({ isOpen: false, told: [] }),
  {
    Told: (state, { text }) => ({ ...state, told: [...state.told, text] }),
    Opened: (state) => ({ ...state, isOpen: true }),
  },
  { timers: ['alarm'] },
);

/** Tells in the entity's state what a run came to, and answers it. */
function tell(run, text) {
  run.emit.Told({ text });
  return text;
}

const jobOf = ({ attempts, backoffMs: initial = 700 }) =>
  job.with({ retry: { initial, factor: 1, ...(attempts === undefined ? {} : { attempts }) } });

async function worked(run, named) {
  try {
    return tell(run, String(await run.call(jobOf(named)({ name: named.job }))));
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    return tell(run, error.code);
  }
}

const duty = model.implement({
  signals: {
    work: durable(worked),
    queue: serial(worked),
    nap: durable(async (run, { ms }) => {
      await run.sleep(ms);
      return tell(run, `slept ${ms}`);
    }),
    wait: durable(async (run, { ms }) => {
      const state = await run.until(({ isOpen }) => isOpen, ms === undefined ? {} : { timeout: ms });
      return tell(run, state === undefined ? 'timed out' : 'opened');
    }),
    open(self) {
      self.emit.Opened();
    },
    ask: durable(async (run, { ms, thenMs }) => {
      const answer = run.callback({ output: Text, ...(ms === undefined ? {} : { timeout: ms }) });
      run.log('token', { token: answer.token });
      const text = (await answer) ?? 'timed out';
      await run.sleep(thenMs);
      return tell(run, text);
    }),
    visit: durable(async (run, { id, job: name }) => tell(run, `visited ${await run.call(Duty(id).work({ job: name }))}`)),
    undo: durable(async (run, { step, undo }) => {
      try {
        return await run.saga(async (saga) => {
          saga.compensate(job({ name: undo }));
          return tell(saga, String(await saga.call(job({ name: step }))));
        });
      } catch (error) {
        return tell(run, `undone after ${error.code}`);
      }
    }),
    alarm(self, { job: name, ms }) {
      self.timers.alarm.set(ms, name);
    },
    stop(self, { name }) {
      self.cancel(name);
    },
  },
  timers: {
    alarm: durable(async (run, name) => {
      tell(run, name === 'none' ? 'rang' : `rang ${await run.call(job({ name }))}`);
    }),
  },
  queries: { told: ({ told }) => told },
});

const jobs = job.implement(async ({ name }, { attempt, idempotencyKey: key, lastHeartbeat, heartbeat, signal }) => {
  heartbeat({ attempt });
  const body = JSON.stringify({ name, attempt, key, last: lastHeartbeat ?? null });
  const response = await fetch(process.env.JOBS_URL, { method: 'POST', body, signal });
  if (response.status === 402) throw job.reject('refused');
  if (!response.ok) throw new Error(`the job server answered ${response.status}`);
  return (await response.json()).result;
});

export default { entities: [duty], activities: [jobs] };
