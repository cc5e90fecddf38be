import { entity, signal, upcast } from 'perdure';
import { expect, test } from 'vitest';
import { MemoryEventStore } from '../../../runtime/adapters/memory/event-store.ts';
import { createMemoryLog } from '../../../runtime/adapters/memory/event-store-log.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { warnOfChangedFolds } from '../../../runtime/host/fold-change.ts';

const Counter = entity('counter', { add: signal() });
const handlers = { signals: { add: () => undefined } };
const first = () => Counter.fold(() => ({ n: 0 }), { Added: (s, e: { by: number }) => ({ n: s.n + e.by }) }).implement(handlers);
const changed = (stateVersion: number) =>
  Counter.fold(() => ({ n: 0 }), { Added: (s, e: { by: number }) => ({ n: s.n + 2 * e.by }) }).implement({
    ...handlers,
    options: { stateVersion },
  });
const upcasting = () =>
  Counter.fold(() => ({ n: 0 }), { Added: (s, e: { by: number }) => ({ n: s.n + e.by }) }).implement({
    ...handlers,
    upcast: { Added: upcast((v1: { amount: number }) => ({ by: v1.amount })) },
  });

test('a changed fold is named once, unless its stateVersion was raised', async () => {
  const store = new MemoryEventStore(createMemoryLog('s'));
  const warned = async (implementation: ReturnType<typeof first>) => {
    const events: string[] = [];
    const ignore = () => undefined;
    const log = {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (event: string, { type }: Readonly<Record<string, unknown>>) => events.push(`${event} ${type}`),
    };
    await warnOfChangedFolds(store, [definitionOf(implementation)], log);
    return events;
  };
  expect(await warned(first())).toEqual([]);
  expect(await warned(first())).toEqual([]);
  expect(await warned(upcasting())).toEqual(['fold-changed counter']);
  expect(await warned(changed(1))).toEqual(['fold-changed counter']);
  expect(await warned(changed(1))).toEqual([]);
  expect(await warned(changed(2))).toEqual([]);
});
