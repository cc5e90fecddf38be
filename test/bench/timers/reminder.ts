import { entity, signal } from 'perdure';
import { z } from 'zod';

/** An entity that waits for one timer. */
interface State {
  readonly dueAt: number;
  readonly fired: boolean;
}
export const reminder = entity('reminder', { arm: signal({ input: z.object({ at: z.int() }) }) })
  .fold(
    (): State => ({ dueAt: 0, fired: false }),
    {
      Armed: (_state, { at }: { readonly at: number }) => ({ dueAt: at, fired: false }),
      Fired: (state, _event: { readonly dueAt: number }) => ({ ...state, fired: true }),
    },
    { timers: ['due'] },
  )
  .implement({
    signals: {
      arm(turn, { at }) {
        turn.emit.Armed({ at });
        turn.timers.due.set(new Date(at));
      },
    },
    timers: {
      due(turn) {
        turn.emit.Fired({ dueAt: turn.state().dueAt });
      },
    },
  });
