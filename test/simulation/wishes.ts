import { Account } from '../../entities/account.ts';
import { Cart } from '../../entities/cart.ts';
import { Inventory } from '../../entities/inventory.ts';
import type { Dice } from '../../runtime/testing/simulation/dice.ts';
import { Tangle } from './tangle.ts';

/** A message to send; `update` if its sender waits for the outcome. */
export interface Asked {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
}

const IDS = ['a', 'b', 'c', 'd'];
const SKUS = ['nail', 'screw'];
/** Delays of alarms: near and beyond the horizon of timers in memory. */
const DELAYS = [0, 1, 300, 2_000, 4_900, 5_100, 7_000, 12_000, 25_000];
const KEYS = ['', 'x', 'y', 'quiet', 'again', 'send', 'poison'];

type Make = (id: string, told: { from: string; n: number }, dice: Dice) => Asked;

/** What may be asked, by signal name, with its usual weight. */
const TANGLE: Readonly<Record<string, readonly [weight: number, make: Make]>> = {
  note: [6, (id, told) => Tangle(id).note(told)],
  add: [3, (id, told, dice) => Tangle(id).add({ ...told, amount: dice.int(1, 9) })],
  ask: [3, (id, told) => Tangle(id).ask(told)],
  noop: [1, (id, told) => Tangle(id).noop(told)],
  refuse: [1, (id, told) => Tangle(id).refuse(told)],
  poison: [0.5, (id, told) => Tangle(id).poison(told)],
  exotic: [0.2, (id, told) => Tangle(id).exotic(told)],
  alarm: [
    2,
    (id, told, dice) =>
      Tangle(id).alarm({
        ...told,
        timer: dice.pick(['tick', 'each']),
        key: dice.pick(KEYS),
        delayMs: dice.pick(DELAYS),
        silent: dice.chance(0.4),
      }),
  ],
  calm: [0.7, (id, told, dice) => Tangle(id).calm({ ...told, timer: dice.pick(['tick', 'each']), key: dice.pick(KEYS) })],
  relay: [
    2,
    (id, told, dice) => Tangle(id).relay({ ...told, ring: [dice.pick(IDS), dice.pick(IDS), dice.pick(IDS)], hops: dice.int(0, 5) }),
  ],
  fan: [1, (id, told, dice) => Tangle(id).fan({ ...told, to: Array.from({ length: dice.int(1, 4) }, () => dice.pick(IDS)) })],
};

/** Draws a message for the adversarial entity. Without ids given it goes to any of four. */
export function drawTangle(
  told: { from: string; n: number },
  dice: Dice,
  weights: Readonly<Record<string, number>> = {},
  ids: readonly string[] = IDS,
): Asked {
  const entries = Object.entries(TANGLE);
  const weightOf = (name: string, usual: number) => usual * (weights[name] ?? 1);
  let left = dice.next() * entries.reduce((sum, [name, [usual]]) => sum + weightOf(name, usual), 0);
  for (const [name, [usual, make]] of entries) {
    left -= weightOf(name, usual);
    if (left < 0) return make(dice.pick(ids), told, dice);
  }
  return Tangle(dice.pick(ids)).note(told);
}

/** Draws a message for a reference entity. */
export function drawReference(told: { from: string; n: number }, dice: Dice): Asked {
  const reference = `${told.from}#${told.n}`;
  const account = Account(dice.pick(['ann', 'bob']));
  const item = Inventory(dice.pick(SKUS));
  const cart = Cart(dice.pick(['1', '2']));
  const sku = dice.pick(SKUS);
  const makes: readonly (() => Asked)[] = [
    () => account.open({ owner: reference }),
    () => account.deposit({ amount: dice.int(1, 100), reference }),
    () => account.deposit({ amount: dice.int(1, 100), reference }),
    () => account.withdraw({ amount: dice.int(1, 60), reference }),
    () => item.receive({ quantity: dice.int(1, 20) }),
    () => item.reserve({ orderId: dice.pick(['o1', 'o2', reference]), quantity: dice.int(1, 5) }),
    () => item.ship({ orderId: dice.pick(['o1', 'o2']) }),
    () => item.release({ orderId: dice.pick(['o1', 'o2']) }),
    () => cart.addItem({ sku, quantity: dice.int(1, 3), unitPrice: dice.int(1, 3) }),
    () => cart.removeItem({ sku, quantity: 1 }),
    () => (dice.chance(0.3) ? cart.checkOut() : cart.addItem({ sku, quantity: 1, unitPrice: 2 })),
  ];
  return dice.pick(makes)();
}

/** Signals whose outcome a sender may wait for. */
const UPDATES = new Set([
  'add',
  'ask',
  'open',
  'deposit',
  'withdraw',
  'receive',
  'reserve',
  'ship',
  'release',
  'removeItem',
  'checkOut',
  'refuse',
]);

/** Does its sender wait for the outcome? Signals that have one are sometimes sent as signals all the same. */
export function wantsOf({ name }: Asked, dice: Dice): 'outcome' | 'durability' {
  return UPDATES.has(name) ? (dice.chance(0.8) ? 'outcome' : 'durability') : dice.chance(0.15) ? 'outcome' : 'durability';
}
