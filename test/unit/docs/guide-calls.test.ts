import { ActivityError, activity, durable, entity, query, signal } from 'perdure';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

// Examples of runtime/DURABLE.md: calls, and undoing them. Every block there stands in one of these files, word for word.

const Place = z.object({ to: z.string() });
const Guest = z.object({ guest: z.string() });

const quote = activity('quote', {
  input: Place,
  output: z.object({ price: z.int() }),
  rejects: ['no-route'],
  retry: { attempts: 3 },
});
const bookFlight = activity('bookFlight', { input: Guest });
const cancelFlight = activity('cancelFlight', { input: Guest });

const Hotel = entity(
  'hotel',
  {
    book: signal({ input: Guest, output: z.object({ room: z.int() }) }),
    leave: signal({ input: Guest }),
    free: query({ output: z.int() }),
  },
  { rejects: ['full'] },
);
const ROOMS = 1;
const hotel = Hotel.fold((): { guests: readonly string[] } => ({ guests: [] }), {
  Booked: ({ guests }, { guest }: z.output<typeof Guest>) => ({ guests: [...guests, guest] }),
  Left: ({ guests }, { guest }: z.output<typeof Guest>) => ({ guests: guests.filter((one) => one !== guest) }),
}).implement({
  signals: {
    book(hotel, { guest }) {
      const { guests } = hotel.state();
      if (guests.length >= ROOMS) throw Hotel.reject('full', { guests: guests.length });
      hotel.emit.Booked({ guest });
      return { room: guests.length + 1 };
    },
    leave(hotel, { guest }) {
      if (hotel.state().guests.includes(guest)) hotel.emit.Left({ guest });
    },
  },
  queries: { free: ({ guests }) => ROOMS - guests.length },
});

const Trip = entity('trip', {
  plan: signal({ input: Place, output: z.object({ price: z.int(), room: z.int() }), once: true }),
  attempt: signal({ input: Place, output: z.string() }),
  undoable: signal({ input: Place }),
});
const trip = Trip.fold((): { price: number | null } => ({ price: null }), {
  Planned: (_state, { price }: { price: number; room: number; free: number }) => ({ price }),
}).implement({
  signals: {
    plan: durable(async (trip, { to }) => {
      const { price } = await trip.call(quote({ to })); // an activity
      const free = await trip.call(Hotel(to).free()); // a query: in the order of the hotel's mailbox
      const { room } = await trip.call(Hotel(to).book({ guest: trip.id })); // a signal of another entity, and its result
      trip.emit.Planned({ price, room, free });
      return { price, room };
    }),

    attempt: durable(async (trip, { to }) => {
      try {
        const { price } = await trip.call(quote({ to }));
        await trip.call(Hotel(to).book({ guest: trip.id }));
        return `booked for ${price}`;
      } catch (error) {
        if (Hotel.rejected(error, 'full')) return 'no room';
        if (quote.rejected(error, 'no-route')) return 'no way to get there';
        if (error instanceof ActivityError) return `no price after ${error.attempts} attempts`;
        throw error; // a cancellation goes on; anything else stalls the run
      }
    }),

    undoable: durable(async (trip, { to }) => {
      const guest = trip.id;
      await trip.saga(async (saga) => {
        saga.compensate(cancelFlight({ guest })); // before: it does nothing where nothing was booked
        await saga.call(bookFlight({ guest }));
        await saga.call(Hotel(to).book({ guest }));
        saga.compensate(Hotel(to).leave({ guest })); // after: what follows may fail, and a room that was not booked is not left
        await saga.call(quote({ to }));
      });
    }),
  },
});

describe('calls', () => {
  let world: TestRuntime;
  const journal: string[] = [];
  beforeEach(async () => {
    journal.length = 0;
    world = await testRuntime({
      entities: [trip, hotel],
      activities: [
        quote.implement(({ to }) => {
          if (to === 'atlantis') throw quote.reject('no-route');
          if (to === 'fog') throw new Error('no answer');
          return { price: 90 };
        }),
        bookFlight.implement((_guest, { idempotencyKey }) => void journal.push(`book ${idempotencyKey}`)),
        cancelFlight.implement((_guest, { idempotencyKey }) => void journal.push(`cancel ${idempotencyKey}`)),
      ],
    });
  });
  afterEach(() => world.stop());

  test('an activity, a query and a signal of another entity', async () => {
    expect(await world.update(Trip('t-1').plan({ to: 'rome' }))).toEqual({ price: 90, room: 1 });
    expect(world.events(trip, 't-1')).toEqual([{ type: 'Planned', data: { price: 90, room: 1, free: 1 } }]);
  });

  test('each way to end is told apart', async () => {
    expect(await world.update(Trip('t-1').attempt({ to: 'rome' }))).toBe('booked for 90');
    expect(await world.update(Trip('t-2').attempt({ to: 'rome' }))).toBe('no room');
    expect(await world.update(Trip('t-3').attempt({ to: 'atlantis' }))).toBe('no way to get there');
    expect(await world.update(Trip('t-4').attempt({ to: 'fog' }))).toBe('no price after 3 attempts');
  });

  test('a "no" that nobody catches is the caller’s, and says who said it', async () => {
    await world.update(Hotel('rome').book({ guest: 'somebody' }));
    const refused = world.update(Trip('t-1').plan({ to: 'rome' }));
    await expect(refused).rejects.toMatchObject({ code: 'full', by: 'hotel/rome', details: { guests: 1 } });
  });

  test('a saga undoes what was done, last first, under the keys of its steps', async () => {
    await expect(world.update(Trip('t-1').undoable({ to: 'atlantis' }))).rejects.toMatchObject({ code: 'no-route' });
    expect(await world.query(Hotel('atlantis').free())).toBe(ROOMS);
    const [booked = '', cancelled = ''] = journal;
    expect(cancelled).toBe(booked.replace('book', 'cancel'));
    expect(journal).toHaveLength(2);
  });
});
