// Notes of any size. With BROKEN set, the handler cannot stand the text `poison`, as a defect of an earlier version.
import { entity, query, signal } from 'perdure';
import { z } from 'zod';

const Notes = entity('notes', {
  add: signal({ input: z.object({ text: z.string() }), output: z.object({ count: z.int() }) }),
  count: query({ output: z.object({ count: z.int(), last: z.string() }) }),
});

const model = Notes.fold(() => ({ count: 0, last: '' }), {
  Added: (state, { text }) => ({ count: state.count + 1, last: text.slice(0, 100) }),
});

const notes = model.implement({
  signals: {
    add(self, { text }) {
      if (process.env.BROKEN === '1' && text === 'poison') throw new TypeError('cannot stand poison');
      self.emit.Added({ text });
      return { count: self.state().count };
    },
  },
  queries: { count: (state) => state },
});

export default { entities: [notes] };
