import type { AdminVerb } from '../../runtime/host/surface.ts';
import type { SimulatedNode } from '../../runtime/testing/simulation/node.ts';
import type { LogFold } from './log-fold.ts';
import type { Parts } from './workload.ts';

const VERBS: readonly AdminVerb[] = ['pause', 'resume', 'resume', 'retry', 'retry', 'skip', 'edit'];

/** What an operator puts in a message's place fits every signal. */
const FITS_ALL = { amount: 1, timer: 'tick', key: '', delayMs: 5, silent: false, ring: [], hops: 0, to: [] };

/** An operator who does something now and then, with or without reason, while faults last. */
export function drawOperations(parts: Parts): void {
  const { cluster, world } = parts;
  const dice = parts.dice.fork('operator');
  const everyMs = cluster.faults.operatorEveryMs;
  if (everyMs === 0) return;
  const next = () => {
    if (cluster.faults.operatorEveryMs === 0) return;
    const nodes = cluster.running;
    if (nodes.length > 0) operate(dice.pick(nodes), dice.pick(['a', 'b', 'c', 'd']), dice.pick(VERBS));
    world.plan('operator', dice.next() * 2 * everyMs, next);
  };
  world.plan('operator', everyMs, next);
}

/** After the faults: everything that is parked or paused is released, again and again until nothing is. */
export function release(parts: Parts, fold: LogFold): void {
  const { cluster, world } = parts;
  const dice = parts.dice.fork('release');
  const tries = new Map<string, number>();
  const round = () => {
    const nodes = cluster.running;
    for (const { type, id, verb } of nodes.length === 0 ? [] : fold.stuck()) {
      const tried = (tries.get(id) ?? 0) + 1;
      tries.set(id, tried);
      // An edit may have made it worse: the edited payload is what is retried.
      operate(dice.pick(nodes), id, verb === 'retry' && tried % 20 === 0 ? 'skip' : verb, type);
    }
    world.plan('operator', 700, round);
  };
  world.plan('operator', 700, round);
}

function operate(node: SimulatedNode, id: string, verb: AdminVerb, type = 'tangle'): void {
  const { life, host } = node;
  life.note('verb', verb, `${type}/${id}`);
  const payload = { from: `edit of ${id}`, n: life.world.steps, ...FITS_ALL };
  host.admin({ type, id, verb, by: 'operator', why: 'simulation', ...(verb === 'edit' ? { payload } : {}) }).then(
    ({ revision }) => life.note('verb done', verb, id, revision),
    (error: unknown) => life.note('verb refused', verb, id, String(error)),
  );
}
