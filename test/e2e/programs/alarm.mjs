// Short timers: `set {label, ms}` rings once, later, with its label.
import { entity, query, signal } from 'perdure';
import { z } from 'zod';

const Alarm = entity('alarm', {
  set: signal({ input: z.object({ label: z.string(), ms: z.int() }) }),
  rung: query({ output: z.array(z.string()) }),
});

const model = Alarm.fold(
  () => ({ rung: [] }),
  {
    Set: (state) => state,
    Rang: (state, { label }) => ({ rung: [...state.rung, label] }),
  },
  { timers: ['ring'] },
);

const alarm = model.implement({
  signals: {
    set(self, { label, ms }) {
      self.emit.Set({ label });
      self.timers.ring.set(ms, label);
    },
  },
  timers: {
    ring(self, label) {
      self.emit.Rang({ label });
    },
  },
  queries: { rung: (state) => state.rung },
});

export default { entities: [alarm] };
