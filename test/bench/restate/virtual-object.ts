import { serveRestate } from './sdk.ts';

/** Restate's side: the service process, a virtual object that reads and writes a small state. */
interface Counter {
  readonly total: number;
}

await serveRestate((sdk) => [
  sdk.object<{ readonly amount: number }>({
    name: 'counter',
    handlers: {
      add: async (context, { amount }) => {
        const before = await context.get<Counter>('state');
        const after: Counter = { total: (before?.total ?? 0) + amount };
        context.set('state', after);
        return after;
      },
    },
  }),
]);
