import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../runtime/core/answer.ts';
import type { Delivery, SignalBus } from '../../runtime/ports/signal-bus.ts';

/** How a suite gets a bus. `reopen` gives a new adapter on what the old one kept. */
export interface BusFactory {
  open(): Promise<SignalBus>;
  /** Present if the bus keeps signals itself (G3). */
  readonly reopen?: () => Promise<SignalBus>;
}

const DONE: Answer = { kind: 'done', result: null, revision: 0, position: 0, repeated: false };

interface Sent {
  readonly signal: Delivery;
  readonly answer: Promise<Answer>;
}
function sent(id: string, name: string): Sent {
  let told: (answer: Answer) => void = () => undefined;
  const answer = new Promise<Answer>((resolve) => {
    told = resolve;
  });
  const common = { kind: 'signal', type: 'cart', payload: { n: 1 }, wants: 'durability', idChosen: true, mark: undefined } as const;
  const signal: Delivery = {
    ...common,
    id,
    name,
    signalId: `${id}/${name}`,
    context: undefined,
    bytes: 10,
    state: 'waiting',
    done: (given) => told(given),
  };
  return { signal, answer };
}

/** The bus of the test that runs. */
interface Case {
  readonly factory: BusFactory;
  bus: SignalBus;
}

/** The promises of the SignalBus port, for any adapter. */
export function signalBusContract(name: string, make: () => BusFactory): void {
  describe(`SignalBus: ${name}`, () => {
    let current: Case;
    beforeEach(async () => {
      const factory = make();
      current = { factory, bus: await factory.open() };
    });
    afterEach(() => current.bus.close());
    delivering(() => current);
    keeping(() => current);
  });
}

function delivering(current: () => Case): void {
  test('G1: what is published is received once and answered when it is safe', async () => {
    const { bus } = current();
    const seen: string[] = [];
    await bus.consume((signal) => {
      seen.push(`${signal.signalId} ${JSON.stringify(signal.payload)}`);
      setImmediate(() => signal.done(DONE, signal));
    });
    const one = sent('a', 'x');
    bus.publish(one.signal);
    expect((await one.answer).kind).toBe('done');
    await expect.poll(() => seen).toEqual(['a/x {"n":1}']);
  });

  test('D1: nothing is answered from inside publish', async () => {
    const { bus } = current();
    let inside = true;
    let early = false;
    await bus.consume((signal) => setImmediate(() => signal.done(DONE, signal)));
    const one = sent('a', 'x');
    const answered = new Promise<void>((resolve) => {
      bus.publish({
        ...one.signal,
        done: () => {
          early = inside;
          resolve();
        },
      });
    });
    inside = false;
    await answered;
    expect(early).toBe(false);
  });

  test('G2: signals of one entity are received in order, those of others in between', async () => {
    const { bus } = current();
    const seen: string[] = [];
    await bus.consume((signal) => {
      seen.push(signal.signalId);
      setImmediate(() => signal.done(DONE, signal));
    });
    const all = Array.from({ length: 60 }, (_, n) => sent(`e${n % 3}`, `n${n}`));
    for (const { signal } of all) bus.publish(signal);
    await Promise.all(all.map(({ answer }) => answer));
    await expect.poll(() => seen.length).toBe(60);
    for (const id of ['e0', 'e1', 'e2']) {
      const own = all.map(({ signal }) => signal.signalId).filter((signalId) => signalId.startsWith(`${id}/`));
      expect(seen.filter((signalId) => signalId.startsWith(`${id}/`))).toEqual(own);
    }
  });
}

function keeping(current: () => Case): void {
  test('G1: while nobody consumes a signal is kept or refused, never lost', async () => {
    const { bus, factory } = current();
    const one = sent('a', 'x');
    bus.publish(one.signal);
    const answer = await one.answer;
    if (factory.reopen === undefined) expect(answer).toMatchObject({ kind: 'failed', code: 'draining' });
    else {
      expect(answer.kind).toBe('done');
      const received = new Promise<string>((resolve) => void bus.consume((signal) => resolve(signal.signalId)));
      expect(await received).toBe('a/x');
    }
  });

  test('G3: what was received and not answered is received again after a restart, if the bus keeps signals', async () => {
    const { bus, factory } = current();
    const { reopen } = factory;
    if (reopen === undefined) return expect(factory.reopen).toBeUndefined();
    const first: string[] = [];
    await bus.consume((signal) => {
      first.push(signal.signalId);
      if (signal.name === 'done') setImmediate(() => signal.done(DONE, signal));
    });
    for (const name of ['done', 'open', 'behind']) bus.publish(sent('a', name).signal);
    await expect.poll(() => first).toEqual(['a/done', 'a/open']);
    await bus.close();
    const again = await reopen();
    current().bus = again;
    const second: string[] = [];
    await again.consume((signal) => {
      second.push(signal.signalId);
      setImmediate(() => signal.done(DONE, signal));
    });
    await expect.poll(() => second).toEqual(['a/open', 'a/behind']);
  });
}
