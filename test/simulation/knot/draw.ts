import type { Dice } from '../../../runtime/testing/simulation/dice.ts';
import type { Asked } from '../wishes.ts';
import { Knot } from './model.ts';
import type { Behaviour, Chore, Part, RunName, Step } from './program.ts';
import { TIMER_KEYS } from './timer-programs.ts';

/** Entities in the order in which serial runs may wait for each other; the last may be forgotten. */
export const IDS: readonly string[] = ['a', 'b', 'c', 'd', 'x'];
const WORKFLOWS = ['w1', 'w2', 'w3'];
const NAPS = [0, 1, 20, 300, 1_500, 4_900, 5_200, 9_000];
/** A sleep that outlasts the run of the workload; the clocks are moved on to its end. */
const FAR_MS = 2 * 86_400_000;

/** Where a step stands in its program. */
interface Setting {
  readonly depth: number;
  /** Entities whose serial runs wait for this one. */
  readonly chain: readonly string[];
  /** Whatever throws here ends the run: nothing around it catches or undoes. */
  readonly isBare: boolean;
}
/** Steps left to draw: programs are small. */
interface Budget {
  left: number;
}

const CHORES: readonly (readonly Behaviour[])[] = [
  ['ok'],
  ['slow'],
  ['fail', 'ok'],
  ['fail', 'fail', 'slow'],
  ['hang', 'ok'],
  ['late', 'slow'],
  ['late', 'hang', 'slow'],
  ['lateFail', 'slow'],
  ['twice', 'ok'],
  ['beats', 'beats', 'ok'],
  ['obeys', 'obeys', 'ok'],
  ['slow', 'no'],
  ['no'],
  ['fail'],
];

/** Draws a request for the adversarial entity of durable handlers. `canWait`: its sender may wait for it, so nothing in it takes days. */
export function drawKnot(told: { readonly from: string; readonly n: number }, dice: Dice, canWait: boolean): Asked {
  const id = dice.pick(IDS);
  const throwOf = dice.next();
  if (throwOf < 0.2) return Knot(id).bump({ ...told, bad: dice.chance(0.1) });
  if (throwOf < 0.28) return Knot(id).stop({ ...told, name: dice.pick(['work', 'queue', 'only']) });
  if (throwOf < 0.45) return Knot(id).queue({ ...told, program: drawProgram(dice, [id]) });
  if (throwOf < 0.55) return Knot(dice.pick(WORKFLOWS)).only({ ...told, program: drawProgram(dice, []) });
  const program = drawProgram(dice, []);
  const isFar = !canWait && dice.chance(0.1);
  return Knot(id).work({ ...told, program: isFar ? { do: 'seq', steps: [{ do: 'sleep', ms: FAR_MS }, program] } : program });
}

/** Draws a program whose run is waited for by the serial runs of `chain`. */
export function drawProgram(dice: Dice, chain: readonly string[]): Step {
  const budget = { left: dice.int(2, 10) };
  const length = dice.int(1, 4);
  const setting = { depth: 3, chain, isBare: true };
  return { do: 'seq', steps: Array.from({ length }, () => drawStep(dice, setting, budget)) };
}

function drawStep(dice: Dice, setting: Setting, budget: Budget): Step {
  budget.left -= 1;
  const isDeep = setting.depth === 0 || budget.left <= 0;
  return isDeep || dice.chance(0.5) ? drawLeaf(dice, setting) : drawGroup(dice, setting, budget);
}

function drawLeaf(dice: Dice, { isBare }: Setting): Step {
  const makes: readonly (readonly [weight: number, make: () => Step])[] = [
    [2, () => ({ do: 'emit' })],
    [4, () => ({ do: 'chore', ...drawChore(dice) })],
    [2, () => ({ do: 'bump', id: dice.pick(IDS), bad: dice.chance(0.1) })],
    [0.5, () => ({ do: 'query', id: dice.pick(IDS) })],
    [2.5, () => ({ do: 'sleep', ms: dice.pick(NAPS) })],
    [1.5, () => ({ do: 'until', more: dice.int(0, 2), ...(dice.chance(0.6) ? { timeoutMs: dice.pick(NAPS) } : {}) })],
    [1.2, () => ({ do: 'callback', mail: dice.pick(MAILS), ...(dice.chance(0.5) ? { timeoutMs: dice.pick(NAPS) } : {}) })],
    [1, () => ({ do: 'send', id: dice.pick(IDS) })],
    [0.6, () => drawTimer(dice)],
    [0.6, () => ({ do: 'reject' })],
    [isBare ? 0.6 : 0, () => ({ do: 'defect' })],
    [0.4, () => ({ do: 'patched' })],
    [0.3, () => ({ do: 'stop', name: dice.pick(['work', 'queue', 'only']) })],
  ];
  return drawn(dice, makes);
}
const MAILS: readonly (readonly Behaviour[])[] = [['ok'], ['ok'], ['fail', 'slow'], ['twice', 'ok'], ['late', 'slow']];

function drawTimer(dice: Dice): Step {
  const delayMs = dice.pick(NAPS);
  return dice.chance(0.5)
    ? { do: 'timer', timer: 'tick', key: dice.pick(['', 'y']), delayMs }
    : { do: 'timer', timer: 'later', key: dice.pick(TIMER_KEYS), delayMs };
}

function drawChore(dice: Dice): Chore {
  const behaviours = dice.pick(CHORES);
  return {
    behaviours,
    timeoutMs: dice.pick([150, 400, 1_200]),
    ...(behaviours.includes('beats') || dice.chance(0.1) ? { heartbeatMs: dice.pick([100, 300]) } : {}),
    ...(dice.chance(0.15) ? { deadlineMs: dice.pick([300, 2_000]) } : {}),
    // What always fails must have a bound.
    ...(behaviours.at(-1) === 'fail' || dice.chance(0.3) ? { attempts: dice.int(1, 3) } : {}),
  };
}

function drawGroup(dice: Dice, setting: Setting, budget: Budget): Step {
  const inner = { ...setting, depth: setting.depth - 1 };
  const covered = { ...inner, isBare: false };
  const several = (of: Setting) => Array.from({ length: dice.int(1, 3) }, () => drawStep(dice, of, budget));
  const makes: readonly (readonly [weight: number, make: () => Step])[] = [
    [1, () => ({ do: 'seq', steps: several(inner) })],
    [1.2, () => ({ do: 'all', steps: several(inner) })],
    [0.5, () => ({ do: dice.pick(['race', 'any']), steps: several(covered) })],
    [0.4, () => ({ do: 'settled', steps: several(covered) })],
    [0.8, () => ({ do: 'map', steps: several(inner), concurrency: dice.int(1, 2) })],
    [1.2, () => ({ do: 'try', step: drawStep(dice, covered, budget) })],
    [0.8, () => ({ do: 'seq', steps: [{ do: 'try', step: drawLeaf(dice, covered) }, drawLeaf(dice, setting)] })],
    [2, () => drawSaga(dice, covered, budget)],
    [2.5, () => drawCall(dice, setting.chain)],
  ];
  return drawn(dice, makes);
}

function drawSaga(dice: Dice, setting: Setting, budget: Budget): Step {
  const parts = Array.from({ length: dice.int(1, 4) }, (): Part => {
    budget.left -= 1;
    const throwOf = dice.next();
    if (throwOf < 0.3) return { do: 'hold', id: dice.pick(IDS), amount: dice.int(1, 15) };
    if (throwOf < 0.55) return { do: 'move', from: dice.pick(IDS), to: dice.pick(IDS), amount: dice.int(1, 15) };
    if (throwOf < 0.8) return { do: 'charge', ...drawChore(dice) };
    return { do: 'step', step: drawStep(dice, setting, budget) };
  });
  return { do: 'saga', parts, parallel: dice.chance(0.5), fails: dice.chance(0.3) };
}

/** A call of a serial handler keeps the order of entities, or closes a circle that is refused at once: two chains that cross would wait for ever. */
function drawCall(dice: Dice, chain: readonly string[]): Step {
  const name: RunName = dice.pick(['work', 'work', 'queue', 'only']);
  const small = (of: readonly string[]): Step => {
    const budget = { left: dice.int(1, 4) };
    return drawStep(dice, { depth: 1, chain: of, isBare: true }, budget);
  };
  if (name === 'work') return { do: 'run', id: dice.pick(IDS), name, program: small(chain) };
  if (name === 'only') return { do: 'run', id: dice.pick(WORKFLOWS), name, program: small(chain) };
  const highest = [...chain].sort().at(-1) ?? '';
  const allowed = IDS.filter((id) => id > highest || chain.includes(id));
  const id = dice.pick(allowed);
  return { do: 'run', id, name, program: small([...chain, id]) };
}

function drawn(dice: Dice, makes: readonly (readonly [weight: number, make: () => Step])[]): Step {
  let left = dice.next() * makes.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of makes) {
    left -= weight;
    if (left < 0) return make();
  }
  return { do: 'emit' };
}
