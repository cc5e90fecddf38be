// Desks that wait for people and for each other: what callers of runs meet.
import { durable, entity, query, serial, signal } from 'perdure';
import { z } from 'zod';

const Text = z.string();
const Message = z.object({ type: Text, id: Text, name: Text, payload: z.unknown() });
const Told = z.object({ code: Text, by: Text.exactOptional(), message: Text.exactOptional(), result: z.unknown() });

const Desk = entity(
  'desk',
  {
    begin: signal({ input: z.object({ note: Text }), output: Text, once: true }),
    ask: signal({ output: z.object({ yes: z.boolean() }) }),
    visit: signal({ input: Message, output: Told }),
    ring: signal({ input: z.object({ path: z.array(Text) }), output: Text }),
    hold: signal({ output: Text }),
    count: signal({ input: z.object({ by: z.int().min(1) }), output: z.int() }),
    break: signal(),
    open: signal(),
    tokens: query({ output: z.array(Text) }),
  },
  { rejects: ['closed'] },
);

const model = Desk.fold(() => ({ isOpen: false, tokens: [], count: 0 }), {
  Asked: (state, { token }) => ({ ...state, tokens: [...state.tokens, token] }),
  Opened: (state) => ({ ...state, isOpen: true }),
  Counted: (state, { by }) => ({ ...state, count: state.count + by }),
});

const desk = model.implement({
  signals: {
    begin: durable(async (run, { note }) => {
      await run.until(({ isOpen }) => isOpen);
      return note;
    }),
    ask: durable(async (run) => {
      const answer = run.callback({ output: z.object({ yes: z.boolean(), why: Text.exactOptional() }) });
      run.emit.Asked({ token: answer.token });
      const { yes } = await answer;
      return { yes };
    }),
    visit: durable(async (run, message) => {
      try {
        return { code: 'done', result: (await run.call(message)) ?? null };
      } catch ({ code, by, message: text }) {
        return { code, message: text, result: null, ...(by === undefined ? {} : { by }) };
      }
    }),
    ring: serial(async (run, { path: [next, ...rest] }) => {
      if (next !== undefined) await run.call(Desk(next).ring({ path: rest }));
      return 'rung';
    }),
    hold: serial(async (run) => {
      await run.until(({ isOpen }) => isOpen);
      return 'held';
    }),
    count(self, { by }) {
      self.emit.Counted({ by });
      return self.state().count;
    },
    break() {
      throw new TypeError('broken');
    },
    open(self) {
      self.emit.Opened();
    },
  },
  queries: { tokens: ({ tokens }) => tokens },
});

export default { entities: [desk] };
