import fc from 'fast-check';
import type { Saga } from 'perdure';
import { isPerdureError } from '../../../../runtime/core/errors.ts';
import { isRejection } from '../../../../runtime/core/rejection.ts';
import { anything, Flow, type FlowModel, type FlowRun, Other, pay, refund } from './flow.ts';

/** Small programs for durable handlers, made at random: what a handler does, as data. */
export type Step =
  | { readonly do: 'pay' | 'ask' | 'refund' | 'say' | 'random' | 'reject' | 'fail' | 'send' | 'timer' | 'abandon'; readonly n: number }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'until'; readonly above: number; readonly ms: number | undefined }
  | { readonly do: 'callback'; readonly ms: number | undefined }
  | { readonly do: 'patched'; readonly change: string }
  | { readonly do: 'compensate'; readonly n: number }
  | { readonly do: 'all' | 'race' | 'any' | 'settled'; readonly of: readonly Program[] }
  | { readonly do: 'map'; readonly items: number; readonly concurrency: number; readonly body: Program }
  | { readonly do: 'saga' | 'try'; readonly body: Program };
export type Program = readonly Step[];

/** Executes a program; says what every step came to. */
export async function execute(run: FlowRun | Saga<FlowModel>, program: Program): Promise<unknown> {
  let last: unknown = null;
  for (const step of program) {
    last = await perform(run, step);
    if (step.do !== 'say' && step.do !== 'random') run.emit.Said(`${step.do} ${JSON.stringify(last ?? null)}`);
  }
  return last ?? null;
}

function perform(run: FlowRun | Saga<FlowModel>, step: Step): unknown {
  switch (step.do) {
    case 'pay':
      return run.call(pay(step.n));
    case 'refund':
      return run.call(refund(step.n));
    case 'ask':
      return run.call(Other(`o${step.n}`).ask(step.n));
    case 'sleep':
      return run.sleep(step.ms);
    case 'until':
      return run.until(({ n }) => n > step.above, { timeout: step.ms ?? 1_000_000 }).then((state) => state?.n);
    case 'callback':
      return run.callback({ output: anything, timeout: step.ms ?? 1_000_000 });
    case 'patched':
      return run.patched(step.change);
    case 'compensate':
      return 'compensate' in run ? run.compensate(step.n % 2 === 0 ? refund(step.n) : Other('u').ask(step.n)) : null;
    case 'all':
      return Promise.all(branches(run, step.of));
    case 'race':
      return Promise.race(branches(run, step.of));
    case 'any':
      return Promise.any(branches(run, step.of)).catch(() => 'none');
    case 'settled':
      return Promise.allSettled(branches(run, step.of)).then((all) => all.map(({ status }) => status));
    case 'map':
      return run.map(
        Array.from({ length: step.items }, (_, at) => at),
        () => execute(run, step.body),
        { concurrency: step.concurrency },
      );
    case 'saga':
      return run.saga((saga) => execute(saga, step.body));
    case 'try':
      return execute(run, step.body).catch(told);
    default:
      return now(run, step);
  }
}

function now(run: FlowRun, { do: what, n }: { readonly do: string; readonly n: number }): unknown {
  if (what === 'say') return run.emit.Said(`say ${n} ${run.now()} ${run.state().n}`);
  if (what === 'random') return run.emit.Said(`${run.random()} ${run.uuid()}`);
  if (what === 'reject') throw Flow.reject('no', { n });
  if (what === 'fail') throw new TypeError(`fail ${n}`);
  if (what === 'send') return run.send(Other(`s${n}`).ask(n));
  if (what === 'timer') return run.timers.tick.set(n * 1_000, `t${n}`);
  return void run.call(pay(n)).catch(() => undefined);
}

function branches(run: FlowRun, of: readonly Program[]): readonly Promise<unknown>[] {
  return of.map((one) => execute(run, one));
}

/** What was caught; a defect is thrown on. */
function told(error: unknown): unknown {
  if (isRejection(error) || isPerdureError(error)) return `caught ${error.code}`;
  throw error;
}

const leaf: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('pay', 'ask', 'say', 'random', 'send'), n: fc.nat(3) }) as fc.Arbitrary<Step> },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('reject', 'timer', 'refund', 'abandon', 'fail'), n: fc.nat(3) }) as fc.Arbitrary<Step>,
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sleep' as const), ms: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('until' as const), above: fc.nat(8), ms: fc.option(fc.nat(20), { nil: undefined }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('callback' as const), ms: fc.option(fc.nat(20), { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('patched' as const), change: fc.constantFrom('a', 'b') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compensate' as const), n: fc.nat(3) }) },
);

/** Programs of a few steps, nested a few times. */
export const programs: fc.Arbitrary<Program> = fc.letrec<{ program: Program; step: Step }>((tie) => ({
  program: fc.array(tie('step'), { minLength: 1, maxLength: 4 }),
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 5, arbitrary: leaf },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('all', 'race', 'any', 'settled'),
        of: fc.array(tie('program'), { minLength: 1, maxLength: 3 }),
      }) as fc.Arbitrary<Step>,
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('saga', 'try'), body: tie('program') }) as fc.Arbitrary<Step> },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('map' as const),
        items: fc.nat(4),
        concurrency: fc.integer({ min: 1, max: 3 }),
        body: tie('program'),
      }),
    },
  ),
})).program;
