import { activity, durable, entity, signal } from 'perdure';
import { z } from 'zod';

// The contract: what anyone may ask of a ride. `once`: started again, it answers with the outcome of the first start.
const Start = z.object({ bike: z.string(), customer: z.string() });
const Outcome = z.object({ minutes: z.int(), paid: z.boolean() });
export const Ride = entity(
  'ride',
  { start: signal({ input: Start, output: Outcome, once: true }), end: signal() },
  { rejects: ['not-riding'] },
);

// What is done outside: declared where it is called, implemented (below) where its dependencies are.
const Bill = z.object({ customer: z.string(), minutes: z.int() });
export const bill = activity('bill', { input: Bill, rejects: ['declined'], timeout: '20 seconds' });

const model = Ride.fold((): { status: 'new' | 'riding' | 'ended' } => ({ status: 'new' }), {
  Started: (_state, _start: z.output<typeof Start>) => ({ status: 'riding' }),
  Ended: () => ({ status: 'ended' }),
});

export const ride = model.implement({
  signals: {
    // It may wait for a day, through restarts and deployments: what it waits for is recorded, not kept in memory.
    start: durable(async (ride, { bike, customer }) => {
      ride.emit.Started({ bike, customer });
      const startedAt = ride.now();
      const ended = await ride.until(({ status }) => status === 'ended', { timeout: '1 day' });
      if (ended === undefined) ride.emit.Ended();
      const minutes = Math.ceil((ride.now() - startedAt) / 60_000);
      try {
        await ride.call(bill({ customer, minutes }));
        return { minutes, paid: true };
      } catch (error) {
        if (bill.rejected(error, 'declined')) return { minutes, paid: false };
        throw error;
      }
    }),

    end(ride) {
      if (ride.state().status !== 'riding') throw Ride.reject('not-riding');
      ride.emit.Ended();
    },
  },
});

export default {
  entities: [ride],
  activities: [
    // The key is the same for every attempt: whoever bills can tell a repetition from a second bill.
    bill.implement(({ customer, minutes }, { idempotencyKey }) => console.log(`bill ${customer} for ${minutes} min (${idempotencyKey})`)),
  ],
};
