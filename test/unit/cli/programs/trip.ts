import { activity, durable, entity, serial, signal, typed } from 'perdure';
import { z } from 'zod';

// A journey whose runs wait for days, and the ways in which a deployment may break them.

export const charge = activity('charge', { input: z.object({ amount: z.int() }), output: typed<{ id: string }>() });

export const Trip = entity('trip', {
  book: signal({ input: z.object({ amount: z.int() }), output: typed<string>() }),
  stay: signal(),
  quick: signal({ output: typed<number>() }),
  crash: signal(),
});

interface State {
  readonly paid: number;
  readonly currency?: string;
}

export type Change =
  | 'none'
  | 'sleeps-first'
  | 'forgets-an-event'
  | 'reducer-throws'
  | 'no-serial'
  | 'quick-ends-otherwise'
  | 'reads-a-new-field';

/** The journey's program after a change of its code. */
export function tripProgram(change: Change) {
  const booked = (s: State): State => {
    if (change === 'reducer-throws') throw new Error('the reducer is broken');
    return { ...s, paid: s.paid + 1 };
  };
  const isNew = change === 'reads-a-new-field';
  const model = Trip.fold((): State => ({ paid: 0, ...(isNew ? { currency: 'EUR' } : {}) }), {
    ...(change === 'forgets-an-event' ? ({} as { Booked: typeof booked }) : { Booked: booked }),
    Crashed: (s) => s,
  });
  const stay = async (run: { sleep(ms: '30 days'): Promise<void> }) => {
    await run.sleep('30 days');
  };
  const trip = model.implement({
    signals: {
      book: durable(async (run, { amount }) => {
        if (change === 'sleeps-first') await run.sleep('1 hour');
        const { id } = await run.call(charge({ amount }));
        if (!isNew || run.state().currency === 'EUR') run.emit.Booked();
        await run.sleep('30 days');
        return id;
      }),
      stay: change === 'no-serial' ? () => undefined : serial(stay),
      quick: durable(async (run) => {
        await run.sleep(1);
        if (change !== 'quick-ends-otherwise') run.emit.Booked();
        return run.random();
      }),
      crash: durable(async (run) => {
        await run.sleep(1);
        run.emit.Crashed();
        throw new Error('not finished yet');
      }),
    },
  });
  return { entities: [trip], activities: [charge.implement(() => ({ id: 'c1' }))] };
}
