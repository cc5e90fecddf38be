import { entity, query, signal } from 'perdure';
import { z } from 'zod';

// The contract: what anyone may ask of a seat. It has no behaviour, so clients import it too.
export const Seat = entity(
  'seat',
  { reserve: signal({ input: z.object({ by: z.string() }) }), release: signal(), holder: query({ output: z.string().nullable() }) },
  { rejects: ['taken'] },
);

// The state: how it follows from events.
const model = Seat.fold(
  (): { by: string | null } => ({ by: null }),
  { Reserved: (_state, { by }: { by: string }) => ({ by }), Released: () => ({ by: null }) },
  { timers: ['lapse'] },
);

// The behaviour: each message is one atomic turn.
const seat = model.implement({
  signals: {
    reserve(seat, { by }) {
      if (seat.state().by !== null) throw Seat.reject('taken');
      seat.emit.Reserved({ by });
      seat.timers.lapse.set('15 minutes');
    },
    release(seat) {
      seat.emit.Released();
      seat.timers.lapse.clear();
    },
  },
  timers: { lapse: (seat) => seat.emit.Released() },
  queries: { holder: (state) => state.by },
});

export default { entities: [seat] };
