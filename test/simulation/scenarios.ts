import type { Dice } from '../../runtime/testing/simulation/dice.ts';
import { type Faults, NO_FAULTS } from '../../runtime/testing/simulation/faults.ts';

/** What a run is about. Probabilities and times are drawn anew for every seed. */
export interface Scenario {
  readonly name: string;
  readonly faults: (dice: Dice) => Faults;
  readonly nodes: number;
  /** Tiny limits, caches and batches. */
  readonly pressure: boolean;
  /** Nodes start with code that has defects, and are deployed anew with corrected code. */
  readonly defective: boolean;
  /** One client and no source: what happens does not depend on who is quicker. */
  readonly alone?: boolean;
  /** Clients ask for durable handlers. */
  readonly durable?: true;
  /** Weights of what clients ask for, by signal name; absent: 1. */
  readonly weights?: Readonly<Record<string, number>>;
}

const between = (dice: Dice, low: number, high: number) => low + dice.next() * (high - low);
const some = (dice: Dice, highest: number) => (dice.chance(0.3) ? 0 : dice.next() * highest);

const slow = (dice: Dice): Partial<Faults> => ({ maxDelayMs: dice.pick([0, 5, 50, 400]), duplicate: some(dice, 0.3) });
const crashing = (dice: Dice): Partial<Faults> => ({
  crashEveryMs: between(dice, 1_500, 8_000),
  stopEveryMs: dice.chance(0.5) ? between(dice, 3_000, 10_000) : 0,
});
const unsure = (dice: Dice): Partial<Faults> => ({
  lostAnswer: some(dice, 0.3),
  lostRequest: some(dice, 0.3),
  fullEveryMs: dice.chance(0.5) ? between(dice, 3_000, 10_000) : 0,
});
const unreadable = (dice: Dice): Partial<Faults> => ({
  readError: some(dice, 0.1),
  rowsError: some(dice, 0.1),
  lostSnapshot: some(dice, 0.8),
});
const jumping = (dice: Dice): Partial<Faults> => ({
  jumpEveryMs: between(dice, 1_000, 6_000),
  maxJumpMs: dice.pick([500, 5_000, 600_000]),
});
const withdrawing = (dice: Dice): Partial<Faults> => ({ withdraw: some(dice, 0.2) });
const operated = (dice: Dice): Partial<Faults> => ({ operatorEveryMs: between(dice, 300, 2_000) });

type Part = (dice: Dice) => Partial<Faults>;
const of =
  (...parts: readonly Part[]) =>
  (dice: Dice): Faults => ({ ...NO_FAULTS, ...Object.assign({}, ...parts.map((part) => part(dice))) });

const PLAIN = { nodes: 1, pressure: false, defective: false };
const RUNS = { ...PLAIN, durable: true as const };

export const SCENARIOS: readonly Scenario[] = [
  { ...PLAIN, name: 'calm', faults: of() },
  { ...PLAIN, name: 'alone', faults: of(), alone: true },
  { ...PLAIN, name: 'pressure', faults: of(slow), pressure: true },
  { ...PLAIN, name: 'crashes', faults: of(slow, crashing) },
  { ...PLAIN, name: 'unknowns', faults: of(slow, unsure, withdrawing), pressure: true },
  { ...PLAIN, name: 'owners', faults: of(slow, crashing, unsure), nodes: 2, pressure: true },
  {
    ...PLAIN,
    name: 'parking',
    faults: of(slow, operated, (dice) => (dice.chance(0.5) ? crashing(dice) : unsure(dice))),
    pressure: true,
    defective: true,
    weights: { poison: 4, exotic: 3 },
  },
  { ...PLAIN, name: 'clocks', faults: of(slow, crashing, jumping), weights: { alarm: 8, calm: 2 } },
  { ...PLAIN, name: 'rows', faults: of(slow, unreadable, (dice) => (dice.chance(0.5) ? crashing(dice) : {})), weights: { alarm: 3 } },
  {
    ...PLAIN,
    name: 'everything',
    faults: of(slow, crashing, unsure, unreadable, jumping, operated),
    nodes: 2,
    pressure: true,
    defective: true,
  },
  { ...RUNS, name: 'runs', faults: of() },
  { ...RUNS, name: 'runs-crashes', faults: of(slow, crashing) },
  { ...RUNS, name: 'runs-unknowns', faults: of(slow, unsure, withdrawing), pressure: true },
  {
    ...RUNS,
    name: 'runs-parking',
    faults: of(slow, operated, (dice) => (dice.chance(0.5) ? crashing(dice) : unsure(dice))),
    pressure: true,
    defective: true,
  },
  { ...RUNS, name: 'runs-clocks', faults: of(slow, crashing, jumping, withdrawing) },
  { ...RUNS, name: 'runs-owners', faults: of(slow, crashing, unsure), nodes: 2, pressure: true },
  {
    ...RUNS,
    name: 'runs-everything',
    faults: of(slow, crashing, unsure, unreadable, jumping, operated, withdrawing),
    nodes: 2,
    pressure: true,
    defective: true,
  },
];

/** The scenario of a name. */
export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new RangeError(`no scenario '${name}': there are ${SCENARIOS.map((one) => one.name).join(', ')}`);
  return found;
}
