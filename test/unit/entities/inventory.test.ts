import fc from 'fast-check';
import type { EventOf } from 'perdure';
import { describe, expect, it } from 'vitest';
import { Inventory, inventory } from '../../../entities/inventory.ts';
import { stock } from '../../../projections/stock.ts';
import { given } from '../../../runtime/testing/given.ts';
import { live } from './live.ts';
import { rowsOf } from './rows.ts';

type Event = EventOf<typeof inventory>;
const MINUTE = 60_000;
const tea = Inventory('tea');
const received = (quantity: number): Event => ({ type: 'Received', data: { quantity } });
const reserved = (orderId: string, quantity: number): Event => ({ type: 'Reserved', data: { orderId, quantity } });

describe('receive', () => {
  it('adds to what is on hand', () => {
    const then = given(inventory, received(2)).when(tea.receive({ quantity: 3 }));
    expect(then.events).toEqual([received(3)]);
    expect(then.result).toEqual({ onHand: 5, reserved: 0, available: 5 });
  });

  it.each([0, -1, 0.5, 1_000_000_001])('refuses the quantity %d', (quantity) => {
    expect(() => given(inventory).when(tea.receive({ quantity }))).toThrow(/invalid-payload/);
  });
});

describe('reserve', () => {
  it('holds units for 15 minutes, by order', () => {
    const then = given(inventory, received(5)).when(tea.reserve({ orderId: 'o1', quantity: 3 }), { nowMs: 10 });
    expect(then.events).toEqual([reserved('o1', 3)]);
    expect(then.result).toEqual({ onHand: 5, reserved: 3, available: 2 });
    expect(then.timers).toEqual({ 'lapse/o1': 15 * MINUTE + 10 });
  });

  it('of all that is left is taken, of one more it is rejected', () => {
    const history = [received(5), reserved('o1', 3)];
    expect(given(inventory, ...history).when(tea.reserve({ orderId: 'o2', quantity: 2 })).result).toMatchObject({ available: 0 });
    const then = given(inventory, ...history).when(tea.reserve({ orderId: 'o2', quantity: 3 }));
    expect(then.rejection).toMatchObject({ code: 'out-of-stock', details: { available: 2 } });
    expect(then.events).toEqual([]);
    expect(then.timers).toEqual({});
  });

  it('of a sku that was never received is rejected', () => {
    expect(given(inventory).when(tea.reserve({ orderId: 'o', quantity: 1 })).rejection?.code).toBe('out-of-stock');
  });

  it('again for the same order adds and arms the timer anew', () => {
    const life = live(inventory, 'tea');
    life.tell(tea.receive({ quantity: 10 }));
    life.tell(tea.reserve({ orderId: 'o', quantity: 2 }));
    life.passTo(10 * MINUTE);
    expect(life.tell(tea.reserve({ orderId: 'o', quantity: 3 })).result).toEqual({ onHand: 10, reserved: 5, available: 5 });
    life.passTo(25 * MINUTE - 1);
    expect(life.answers(tea.stock())).toMatchObject({ reserved: 5 });
    life.passTo(25 * MINUTE);
    expect(life.answers(tea.stock())).toEqual({ onHand: 10, reserved: 0, available: 10 });
    expect(life.events.at(-1)).toMatchObject({ type: 'Lapsed', data: { orderId: 'o', quantity: 5 } });
  });

  it('beyond as many orders as timers fit is rejected instead of parking the sku; an order that holds some may add', () => {
    const history = [received(20_000), ...Array.from({ length: 10_000 }, (_, i) => reserved(`o${i}`, 1))];
    const full = given(inventory, ...history);
    expect(full.when(tea.reserve({ orderId: 'one-more', quantity: 1 })).rejection).toMatchObject({
      code: 'out-of-stock',
      details: { available: 10_000, openReservations: 10_000 },
    });
    expect(full.when(tea.reserve({ orderId: 'o17', quantity: 1 })).result).toMatchObject({ reserved: 10_001 });
  });
});

describe('release', () => {
  it('gives back all that the order held and takes its timer away', () => {
    const life = live(inventory, 'tea');
    life.tell(tea.receive({ quantity: 5 }));
    life.tell(tea.reserve({ orderId: 'o', quantity: 2 }));
    expect(life.tell(tea.release({ orderId: 'o' })).result).toEqual({ onHand: 5, reserved: 0, available: 5 });
    life.passTo(60 * MINUTE);
    expect(life.events.map(({ type }) => type)).toEqual(['Received', 'Reserved', 'Released']);
  });

  it.each(['o2', 'constructor', '__proto__'])('without a reservation (%s) answers the stock unchanged and writes nothing', (orderId) => {
    const then = given(inventory, received(5), reserved('o1', 2)).when(tea.release({ orderId }));
    expect(then.result).toEqual({ onHand: 5, reserved: 2, available: 3 });
    expect(then.events).toEqual([]);
  });
});

describe('ship', () => {
  it('takes what the order held out of the stock, and its timer away', () => {
    const life = live(inventory, 'tea');
    life.tell(tea.receive({ quantity: 5 }));
    life.tell(tea.reserve({ orderId: 'o', quantity: 2 }));
    expect(life.tell(tea.ship({ orderId: 'o' })).result).toEqual({ onHand: 3, reserved: 0, available: 3 });
    life.passTo(60 * MINUTE);
    expect(life.events.at(-1)).toMatchObject({ type: 'Shipped', data: { orderId: 'o', quantity: 2 } });
  });

  it('needs a reservation: none, a released and a lapsed one are rejected', () => {
    const lapsed: Event = { type: 'Lapsed', data: { orderId: 'o', quantity: 1 } };
    const released: Event = { type: 'Released', data: { orderId: 'o', quantity: 1 } };
    for (const history of [[], [reserved('o', 1), released], [reserved('o', 1), lapsed]]) {
      const then = given(inventory, received(1), ...history).when(tea.ship({ orderId: 'o' }));
      expect(then.rejection).toMatchObject({ code: 'no-reservation', details: { orderId: 'o' } });
      expect(then.events).toEqual([]);
    }
  });
});

describe('lapse', () => {
  it('ends each reservation alone, 15 minutes after it was made', () => {
    const life = live(inventory, 'tea');
    life.tell(tea.receive({ quantity: 5 }));
    life.tell(tea.reserve({ orderId: 'early', quantity: 1 }));
    life.passTo(5 * MINUTE);
    life.tell(tea.reserve({ orderId: 'late', quantity: 2 }));
    life.passTo(15 * MINUTE);
    expect(life.answers(tea.stock())).toEqual({ onHand: 5, reserved: 2, available: 3 });
    expect(life.tell(tea.ship({ orderId: 'early' })).rejected).toBe('no-reservation');
    expect(life.tell(tea.ship({ orderId: 'late' })).result).toEqual({ onHand: 3, reserved: 0, available: 3 });
  });
});

describe('any life of a sku', () => {
  const orderId = fc.constantFrom('o1', 'o2', 'constructor', '__proto__');
  const quantity = fc.integer({ min: 1, max: 9 });
  const command = fc.oneof(
    fc.record({ verb: fc.constant('receive' as const), quantity }),
    fc.record({ verb: fc.constant('reserve' as const), orderId, quantity }),
    fc.record({ verb: fc.constantFrom('release' as const, 'ship' as const), orderId }),
    fc.record({ verb: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 20 }) }),
  );
  type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

  /** The rules once more, in the plainest way: a list of reservations with their times. */
  class Shelf {
    onHand = 0;
    now = 0;
    readonly held = new Map<string, { quantity: number; until: number }>();

    get stock() {
      const reserved = [...this.held.values()].reduce((sum, one) => sum + one.quantity, 0);
      return { onHand: this.onHand, reserved, available: this.onHand - reserved };
    }

    /** The code it is rejected with, if so. */
    apply(command: Command): string | undefined {
      if (command.verb === 'wait') {
        this.now += command.minutes * MINUTE;
        for (const [order, { until }] of this.held) if (until <= this.now) this.held.delete(order);
      } else if (command.verb === 'receive') {
        this.onHand += command.quantity;
      } else if (command.verb === 'reserve') {
        if (command.quantity > this.stock.available) return 'out-of-stock';
        const quantity = command.quantity + (this.held.get(command.orderId)?.quantity ?? 0);
        this.held.set(command.orderId, { quantity, until: this.now + 15 * MINUTE });
      } else {
        const quantity = this.held.get(command.orderId)?.quantity;
        if (command.verb === 'ship' && quantity === undefined) return 'no-reservation';
        if (command.verb === 'ship') this.onHand -= quantity ?? 0;
        this.held.delete(command.orderId);
      }
      return undefined;
    }
  }

  const messageOf = (command: Exclude<Command, { verb: 'wait' }>) => {
    if (command.verb === 'receive') return tea.receive({ quantity: command.quantity });
    const { orderId } = command;
    return command.verb === 'reserve' ? tea.reserve({ orderId, quantity: command.quantity }) : tea[command.verb]({ orderId });
  };

  it('keeps onHand = reserved + available, never below 0, and agrees with the rules and the row after every step', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const life = live(inventory, 'tea');
        const shelf = new Shelf();
        for (const command of commands) {
          const rejected = shelf.apply(command);
          if (command.verb === 'wait') life.passTo(shelf.now);
          else expect(life.tell(messageOf(command))).toEqual(rejected === undefined ? { result: shelf.stock } : { rejected });
          const { onHand, reserved, available } = life.answers(tea.stock()) as ReturnType<() => Shelf['stock']>;
          expect({ onHand, reserved, available }).toEqual(shelf.stock);
          expect(onHand).toBe(reserved + available);
          expect(Math.min(onHand, reserved, available)).toBeGreaterThanOrEqual(0);
          if (life.events.length > 0) expect(rowsOf(stock, life.events).get('tea')).toEqual(shelf.stock);
        }
      }),
    );
  });
});
