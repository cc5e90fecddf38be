import type { HostLimits } from '../../runtime/host/context.ts';
import { installGuard } from '../../runtime/host/guard.ts';
import { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import { Dice } from '../../runtime/testing/simulation/dice.ts';
import { drawLimits } from '../../runtime/testing/simulation/faults.ts';
import { History } from '../../runtime/testing/simulation/history.ts';
import type { Wrapping } from '../../runtime/testing/simulation/node.ts';
import { World } from '../../runtime/testing/simulation/world.ts';
import { AgendaSamples } from './agenda-samples.ts';
import { like } from './broken/stores.ts';
import { DEFINITIONS, DURABLE_CAST, PLAIN_CAST } from './casts.ts';
import { type Evidence, gather, type SettleEnd } from './evidence.ts';
import { Outside } from './knot/outside.ts';
import { LogFold } from './log-fold.ts';
import { drawOperations, release } from './operator.ts';
import type { Scenario } from './scenarios.ts';
import { startWorkload } from './workload.ts';

/** Time for the workload under faults, for everything to settle after it, and the number of steps that no run needs. */
const WORK_MS = 40_000;
const SETTLE_MS = 240_000;
const MAX_STEPS = 400_000;
const STILL_MS = 10_000;
const MONTH_MS = 31 * 86_400_000;
/** Clocks are moved on until nothing is open: a run may sleep for long after it slept for long. */
const MAX_SKIPS = 4;

export interface SimulationOptions {
  readonly wrapping?: Wrapping;
  /** In place of the drawn ones. */
  readonly limits?: Partial<HostLimits>;
  /** Breaks something of the runtime, and puts it back. */
  readonly breaking?: () => () => void;
}

/** Runs one scenario with one seed, from the first request until everything has settled, and gathers what judges need. */
export async function simulate(scenario: Scenario, seed: number | string, options: SimulationOptions = {}): Promise<Evidence> {
  const uninstall = installGuard();
  const repair = options.breaking?.();
  try {
    const ran = await run(scenario, seed, options);
    repair?.();
    return await gather(ran);
  } finally {
    repair?.();
    uninstall();
  }
}

async function run(scenario: Scenario, seed: number | string, options: SimulationOptions): Promise<Parameters<typeof gather>[0]> {
  const dice = new Dice(`${scenario.name}/${seed}`);
  const world = new World(dice);
  const history = new History();
  const cast = scenario.durable === true ? DURABLE_CAST : PLAIN_CAST;
  let defective = scenario.defective;
  const outside = new Outside(world, dice.fork('outside'), () => cluster);
  const cluster: Cluster = new Cluster({
    world,
    dice,
    faults: scenario.faults(dice.fork('faults')),
    nodes: scenario.nodes,
    definitions: () => (defective ? cast.defective : cast.sound),
    projections: cast.projections,
    activities: (life) => (scenario.durable === true ? outside.activities(life) : []),
    limits: options.limits ?? (scenario.pressure ? limitsOf(scenario, dice.fork('limits')) : {}),
    wrapping: remembering(options.wrapping ?? {}, () => fold.update()),
  });
  const fold = new LogFold(cluster.log, DEFINITIONS);
  const parts = { world, cluster, history, dice: dice.fork('work') };
  const jumped = scenario.faults(dice.fork('faults')).jumpEveryMs > 0;
  cluster.start();
  let working = true;
  startWorkload(parts, scenario).then(() => {
    working = false;
  });
  drawOperations(parts, scenario);
  const agendas = new AgendaSamples(cluster, world);
  if (scenario.durable === true) agendas.start(dice.fork('samples'));
  const workEnd = await world.run({ finished: () => !working, forMs: WORK_MS, maxSteps: MAX_STEPS });
  cluster.calm();
  if (defective) {
    defective = false;
    cluster.redeploy();
  }
  release(parts, fold);
  const standing = { turns: -1, sinceMs: 0 };
  /** Clients may wait for a run that sleeps for long, or whose clock was set back: then nothing is written any more. */
  const stands = () => {
    if (standing.turns !== fold.turns.length) Object.assign(standing, { turns: fold.turns.length, sinceMs: world.nowMs });
    return fold.runs().length > 0 && world.nowMs - standing.sinceMs > STILL_MS;
  };
  const settled = () => fold.settled(cluster) && (!working || stands());
  const settle = async (): Promise<SettleEnd> => {
    const end = await world.run({ finished: settled, forMs: SETTLE_MS, maxSteps: MAX_STEPS });
    return { end, unrest: end === 'finished' ? [] : [...(working ? ['clients wait'] : []), ...fold.unrest(cluster)] };
  };
  const ends = [await settle()];
  agendas.stop();
  const beforeSkip = fold.overdue(cluster.wallMs);
  for (let skips = 0; skips === 0 || (fold.runs().length > 0 && skips < MAX_SKIPS); skips += 1) {
    cluster.skip(MONTH_MS);
    await world.run({ forMs: 20_000, maxSteps: MAX_STEPS });
    ends.push(await settle());
  }
  world.note('ends', workEnd, ...ends.map(({ end }) => end));
  return { scenario, seed, world, cluster, history, fold, outside, agendas, jumped, beforeSkip, ends, working: () => working };
}

/** Programs are larger than other payloads: what holds a few of those must hold a few of these. */
function limitsOf({ durable }: Scenario, dice: Dice): Partial<HostLimits> {
  const { maxTurnBytes, ...limits } = drawLimits(dice);
  if (maxTurnBytes === undefined) return limits;
  return { ...limits, maxTurnBytes: maxTurnBytes * (durable === true ? 5 : 1) };
}

/** Folds what a stream holds before it is forgotten: judges remember it. */
function remembering({ store: wrap, ...others }: Wrapping, fold: () => void): Wrapping {
  const store: NonNullable<Wrapping['store']> = (inner, life, log) => {
    const wrapped = wrap?.(inner, life, log) ?? inner;
    return like(wrapped, {
      forget: (stream, before) => {
        fold();
        return wrapped.forget(stream, before);
      },
    });
  };
  return { ...others, store };
}
