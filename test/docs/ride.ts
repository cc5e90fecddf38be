import { activity, durable, entity, signal } from 'perdure';
import { z } from 'zod';

// What others do for a ride: declared where it is called, implemented where its dependencies are.
const Bill = z.object({ customer: z.string(), minutes: z.int() });
export const unlock = activity('unlock', { input: z.object({ bike: z.string() }), rejects: ['out-of-order'], timeout: '10 seconds' });
export const bill = activity('bill', { input: Bill, timeout: '20 seconds' });

// The contract. `once`: started again, a ride answers with the outcome of the first start.
const Start = z.object({ bike: z.string(), customer: z.string() });
export const Ride = entity(
  'ride',
  { start: signal({ input: Start, output: z.object({ minutes: z.int() }), once: true }), end: signal() },
  { rejects: ['not-riding'] },
);

const model = Ride.fold((): { status: 'new' | 'riding' | 'ended' } => ({ status: 'new' }), {
  Started: (_state, _start: z.output<typeof Start>) => ({ status: 'riding' }),
  Ended: () => ({ status: 'ended' }),
});

export const ride = model.implement({
  signals: {
    // It may wait for a day, through restarts and deployments: what it waits for is recorded, not kept in memory.
    start: durable(async (ride, { bike, customer }) => {
      await ride.call(unlock({ bike }));
      ride.emit.Started({ bike, customer });
      const startedAt = ride.now();
      const ended = await ride.until(({ status }) => status === 'ended', { timeout: '1 day' });
      if (ended === undefined) ride.emit.Ended();
      const minutes = Math.ceil((ride.now() - startedAt) / 60_000);
      await ride.call(bill({ customer, minutes }));
      return { minutes };
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
    unlock.implement(({ bike }) => console.log(`unlock ${bike}`)),
    // The key is the same for every attempt: whoever bills can tell a repetition from a second bill.
    bill.implement(({ customer, minutes }, { idempotencyKey }) => console.log(`bill ${customer} for ${minutes} min (${idempotencyKey})`)),
  ],
};
