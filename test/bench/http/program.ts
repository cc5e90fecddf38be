import { entity, query, signal } from 'perdure';
import type { Program } from 'perdure/host';
import { z } from 'zod';

/** One entity with a small state: what the HTTP path costs shows best when the entity does little. */
const counter = entity('counter', {
  add: signal({ input: z.object({ amount: z.int(), note: z.string() }), output: z.object({ total: z.int() }) }),
  total: query({ output: z.object({ total: z.int() }) }),
})
  .fold((): { readonly total: number } => ({ total: 0 }), {
    Added: (state, event: { readonly amount: number; readonly note: string }) => ({ total: state.total + event.amount }),
  })
  .implement({
    signals: {
      add(turn, input) {
        turn.emit.Added(input);
        return { total: turn.state().total };
      },
    },
    queries: { total: ({ total }) => ({ total }) },
  });

const program: Program = { entities: [counter] };
export default program;
