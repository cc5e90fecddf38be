import type { AdminVerb } from '../../runtime/host/surface.ts';
import type { SimulatedNode } from '../../runtime/testing/simulation/node.ts';
import { Knot } from './knot/model.ts';
import type { LogFold } from './log-fold.ts';
import type { Scenario } from './scenarios.ts';
import type { Parts } from './workload.ts';

const VERBS: readonly AdminVerb[] = ['pause', 'resume', 'resume', 'retry', 'retry', 'skip', 'edit'];
const RUN_VERBS: readonly AdminVerb[] = [
  'pause',
  'resume',
  'resume',
  'retry',
  'retry',
  'skip',
  'cancel',
  'cancel',
  'cancel',
  'cancel',
  'terminate',
];
/** Of all entities only this one is ever forgotten. */
const FORGETTABLE = 'x';

/** What an operator puts in a message's place fits every signal. */
const FITS_ALL = { amount: 1, timer: 'tick', key: '', delayMs: 5, silent: false, ring: [], hops: 0, to: [] };

/** An operator who does something now and then, with or without reason, while faults last. */
export function drawOperations(parts: Parts, { durable }: Scenario): void {
  const { cluster, world } = parts;
  const dice = parts.dice.fork('operator');
  const draw = (node: SimulatedNode) => {
    if (durable !== true) operate(node, dice.pick(['a', 'b', 'c', 'd']), dice.pick(VERBS));
    else if (dice.chance(0.03)) operate(node, FORGETTABLE, 'forget', 'knot');
    else operate(node, dice.pick(['a', 'b', 'c', 'd', FORGETTABLE, 'w1', 'w2']), dice.pick(RUN_VERBS), 'knot');
  };
  const everyMs = cluster.faults.operatorEveryMs;
  if (everyMs === 0) return;
  const next = () => {
    if (cluster.faults.operatorEveryMs === 0) return;
    const nodes = cluster.running;
    if (nodes.length > 0) draw(dice.pick(nodes));
    world.plan('operator', dice.next() * 2 * everyMs, next);
  };
  world.plan('operator', everyMs, next);
}

/** After the faults: everything that is parked, paused or stalled is released, again and again until nothing is; what waits to be bumped is bumped. */
export function release(parts: Parts, fold: LogFold): void {
  const { cluster, world } = parts;
  const dice = parts.dice.fork('release');
  const tries = new Map<string, number>();
  const round = () => {
    const nodes = cluster.running;
    for (const { type, id, verb, run } of nodes.length === 0 ? [] : fold.stuck()) {
      const what = `${id} ${run ?? ''}`;
      const tried = (tries.get(what) ?? 0) + 1;
      tries.set(what, tried);
      // An edit may have made it worse: the edited payload is what is retried.
      const otherwise = run === undefined ? 'skip' : 'terminate';
      operate(dice.pick(nodes), id, verb === 'retry' && tried % TRIES === 0 ? otherwise : verb, type, run);
    }
    for (const id of nodes.length === 0 ? [] : fold.awaiting()) bump(parts, dice.pick(nodes), id);
    world.plan('operator', 700, round);
  };
  world.plan('operator', 700, round);
}
/** What cannot be released after as many tries is given up. */
const TRIES = 20;

function bump({ history }: Parts, node: SimulatedNode, id: string): void {
  const number = history.requests.length + 1;
  const key = `tender:${number}`;
  const asked = Knot(id).bump({ from: 'tender', n: number, bad: false });
  void node.deliver(history.add({ ...asked, from: 'tender', number, key, wants: 'durability' }), key);
}

function operate(node: SimulatedNode, id: string, verb: AdminVerb, type = 'tangle', run?: string): void {
  const { life, host } = node;
  life.note('verb', verb, `${type}/${id}`);
  const payload = { from: `edit of ${id}`, n: life.world.steps, ...FITS_ALL };
  host
    .admin({
      type,
      id,
      verb,
      by: 'operator',
      why: 'simulation',
      ...(verb === 'edit' ? { payload } : {}),
      ...(run === undefined ? {} : { run }),
    })
    .then(
      ({ revision }) => life.note('verb done', verb, id, revision),
      (error: unknown) => life.note('verb refused', verb, id, String(error)),
    );
}
