import { type RestateContext, serveRestate } from '../restate/sdk.ts';
import { handOver } from './hand-over.ts';

/** Restate's side: the flow as a plain service, its cheapest form, and as a virtual object that serves many runs. */
interface Input {
  readonly collector: number;
  readonly early: boolean;
}
async function start(context: RestateContext, { collector, early }: Input): Promise<unknown> {
  if (!early) await context.sleep(10);
  const { id, promise } = context.awakeable();
  await context.run('passOn', () => handOver(collector, id));
  if (early) await context.sleep(10);
  return promise;
}

await serveRestate((sdk) => [
  sdk.service<Input>({ name: 'workflow', handlers: { start } }),
  sdk.object<Input>({ name: 'desk', handlers: { start } }),
]);
