import { account } from '../../entities/account.ts';
import { cart } from '../../entities/cart.ts';
import { inventory } from '../../entities/inventory.ts';
import { accounts } from '../../projections/accounts.ts';
import { carts } from '../../projections/carts.ts';
import { statements } from '../../projections/statements.ts';
import { stock } from '../../projections/stock.ts';
import { definitionOf } from '../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { projectionOf } from '../../runtime/core/definition/projection.ts';
import type { HostLimits } from '../../runtime/host/context.ts';
import { installGuard } from '../../runtime/host/guard.ts';
import { projectionDefinition } from '../../runtime/projection/definitions.ts';
import { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import { Dice } from '../../runtime/testing/simulation/dice.ts';
import { drawLimits } from '../../runtime/testing/simulation/faults.ts';
import { History } from '../../runtime/testing/simulation/history.ts';
import type { Wrapping } from '../../runtime/testing/simulation/node.ts';
import { World } from '../../runtime/testing/simulation/world.ts';
import { type Evidence, gather } from './evidence.ts';
import { LogFold } from './log-fold.ts';
import { drawOperations, release } from './operator.ts';
import type { Scenario } from './scenarios.ts';
import { defectiveTangle, Senders, soundTangle, Tangles } from './tangle.ts';
import { startWorkload } from './workload.ts';

const REFERENCE = [account, cart, inventory].map(definitionOf);
export const PROJECTIONS = [accounts, carts, statements, stock, Tangles, Senders].map((one) => projectionDefinition(projectionOf(one)));
export const DEFINITIONS: readonly EntityDefinition[] = [...REFERENCE, soundTangle];
const OLD_DEFINITIONS: readonly EntityDefinition[] = [...REFERENCE, defectiveTangle];

/** Time for the workload under faults, for everything to settle after it, and the number of steps that no run needs. */
const WORK_MS = 40_000;
const SETTLE_MS = 240_000;
const MAX_STEPS = 400_000;
const MONTH_MS = 31 * 86_400_000;

export interface SimulationOptions {
  readonly wrapping?: Wrapping;
  /** In place of the drawn ones. */
  readonly limits?: Partial<HostLimits>;
}

/** Runs one scenario with one seed, from the first request until everything has settled, and gathers what judges need. */
export async function simulate(scenario: Scenario, seed: number | string, options: SimulationOptions = {}): Promise<Evidence> {
  const uninstall = installGuard();
  try {
    return await run(scenario, seed, options);
  } finally {
    uninstall();
  }
}

async function run(scenario: Scenario, seed: number | string, options: SimulationOptions): Promise<Evidence> {
  const dice = new Dice(`${scenario.name}/${seed}`);
  const world = new World(dice);
  const history = new History();
  let defective = scenario.defective;
  const cluster = new Cluster({
    world,
    dice,
    faults: scenario.faults(dice.fork('faults')),
    nodes: scenario.nodes,
    definitions: () => (defective ? OLD_DEFINITIONS : DEFINITIONS),
    projections: PROJECTIONS,
    limits: options.limits ?? (scenario.pressure ? drawLimits(dice.fork('limits')) : {}),
    ...(options.wrapping === undefined ? {} : { wrapping: options.wrapping }),
  });
  const fold = new LogFold(cluster.log, DEFINITIONS);
  const parts = { world, cluster, history, dice: dice.fork('work') };
  const jumped = scenario.name === 'clocks' || scenario.name === 'everything';
  cluster.start();
  let working = true;
  startWorkload(parts, scenario).then(() => {
    working = false;
  });
  drawOperations(parts);
  const workEnd = await world.run({ finished: () => !working, forMs: WORK_MS, maxSteps: MAX_STEPS });
  cluster.calm();
  if (defective) {
    defective = false;
    cluster.redeploy();
  }
  release(parts, fold);
  const settled = () => !working && fold.settled(cluster);
  const firstEnd = await world.run({ finished: settled, forMs: SETTLE_MS, maxSteps: MAX_STEPS });
  const beforeSkip = fold.overdue(cluster.wallMs);
  cluster.skip(MONTH_MS);
  await world.run({ forMs: 20_000, maxSteps: MAX_STEPS });
  const lastEnd = await world.run({ finished: settled, forMs: SETTLE_MS, maxSteps: MAX_STEPS });
  world.note('ends', workEnd, firstEnd, lastEnd);
  return gather({ scenario, seed, world, cluster, history, fold, jumped, beforeSkip, ends: [firstEnd, lastEnd], working: () => working });
}
