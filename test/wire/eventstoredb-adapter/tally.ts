import { entity, signal } from 'perdure';
import { z } from 'zod';

/** An entity that keeps all it is given, and answers how many that are. */
export const Tally = entity('tally', { add: signal({ input: z.object({ n: z.int() }), output: z.object({ count: z.int() }) }) });

const model = Tally.fold((): { readonly count: number } => ({ count: 0 }), {
  Added: (state, _added: { n: number }) => ({ count: state.count + 1 }),
});

export const tally = model.implement({
  signals: {
    add(self, { n }) {
      const { count } = self.state();
      self.emit.Added({ n });
      return { count: count + 1 };
    },
  },
});
