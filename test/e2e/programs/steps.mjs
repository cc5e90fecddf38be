// A run of two segments whose second one cannot stand the text `broken`: a test corrects the comparison in a copy of this file.
import { durable, entity, query, signal } from 'perdure';
import { z } from 'zod';

const Steps = entity('steps', {
  go: signal({ input: z.object({ text: z.string() }), output: z.string() }),
  texts: query({ output: z.array(z.string()) }),
});

const model = Steps.fold(() => ({ texts: [] }), {
  Began: (state) => state,
  Ended: ({ texts }, { text }) => ({ texts: [...texts, text] }),
});

const steps = model.implement({
  signals: {
    go: durable(async (run, { text }) => {
      run.emit.Began();
      await run.sleep(1);
      if (text === 'broken') throw new TypeError(`cannot stand ${text}`);
      run.emit.Ended({ text });
      return text;
    }),
  },
  queries: { texts: ({ texts }) => texts },
});

export default { entities: [steps] };
