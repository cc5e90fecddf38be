import { entity, signal } from 'perdure';
import type { Program } from 'perdure/host';
import { z } from 'zod';

/** Perdure's side: the same small state, get and set, request and response. */
const counter = entity('counter', { add: signal({ input: z.object({ amount: z.int() }), output: z.object({ total: z.int() }) }) })
  .fold((): { readonly total: number } => ({ total: 0 }), {
    Added: (state, event: { readonly amount: number }) => ({ total: state.total + event.amount }),
  })
  .implement({
    signals: {
      add(turn, { amount }) {
        turn.emit.Added({ amount });
        return { total: turn.state().total };
      },
    },
  });

const program: Program = { entities: [counter] };
export default program;
