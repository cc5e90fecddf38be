import { durable, entity, PerdureError, type Run, signal, typed } from 'perdure';

/** What a workflow is started with: the branches it is to take. */
export interface Choice {
  readonly choose?: readonly string[];
}

/** A workflow without state of its own: its contract, and what makes its behaviour of a function. */
function workflow(type: string) {
  const Contract = entity(type, { start: signal({ input: typed<Choice>(), once: true }), cancel: signal() });
  const model = Contract.fold(() => ({}), {});
  const implement = (start: (run: Run<typeof model>, choice: Choice) => Promise<unknown>) =>
    model.implement({
      signals: {
        start: durable(async (run, choice) => {
          await start(run, choice);
        }),
        cancel(turn) {
          turn.cancel('start');
        },
      },
    });
  return { Contract, implement };
}

/** The workflow that shows a pattern. */
export const { Contract: Flow, implement: flow } = workflow('flow');

/** A part of it that ends as a whole: when it returns or is cancelled, the calls that it still has open are cancelled. */
export const { Contract: Part, implement: part } = workflow('part');

/** Resolves when `count` of the branches have; the others go on. Rejects with the first branch that does before. */
export function some(count: number, branches: readonly Promise<unknown>[]): Promise<void> {
  let missing = count;
  const arrive = (resolve: () => void): void => {
    missing -= 1;
    if (missing === 0) resolve();
  };
  return new Promise((resolve, reject) => {
    for (const branch of branches) branch.then(() => arrive(resolve), reject);
  });
}

/** For `catch`: what was called may have been cancelled; anything else is thrown on. */
export function unlessCancelled(error: unknown): void {
  if (!(error instanceof PerdureError && error.code === 'cancelled')) throw error;
}
