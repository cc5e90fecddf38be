import { SimulatedClient } from '../../runtime/testing/simulation/client.ts';
import type { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import type { Dice } from '../../runtime/testing/simulation/dice.ts';
import type { History, Request } from '../../runtime/testing/simulation/history.ts';
import { SimulatedSource } from '../../runtime/testing/simulation/source.ts';
import type { World } from '../../runtime/testing/simulation/world.ts';
import { drawKnot, IDS } from './knot/draw.ts';
import type { Scenario } from './scenarios.ts';
import { drawReference, drawTangle, wantsOf } from './wishes.ts';

/** What workload and operators work on. */
export interface Parts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly history: History;
  readonly dice: Dice;
}

/** Starts clients and a source; resolves when all have an end for all they asked. */
export async function startWorkload(parts: Parts, scenario: Scenario): Promise<void> {
  const { dice } = parts;
  const draw = (n: number) => {
    const told = { from: 'topic/0', n };
    return scenario.durable === true ? drawKnot(told, dice, false) : drawTangle(told, dice, scenario.weights);
  };
  const clients = Array.from({ length: scenario.alone === true ? 1 : dice.int(2, 4) }, (_, at) =>
    scenario.durable === true ? durableWork(`c${at + 1}`, parts) : clientWork(`c${at + 1}`, parts, scenario),
  );
  const source = new SimulatedSource(
    'topic/0',
    Array.from({ length: scenario.alone === true ? 0 : dice.int(0, 20) }, (_, at) => ({
      ...draw(at + 1),
      wants: 'durability' as const,
    })),
    { ...parts, everywhere: dice.chance(0.5) },
  );
  await Promise.all([...clients, source.run()]);
}

/** Runs may take long: an update that is not answered by then is asked again, as the edge does. */
const PATIENCE_MS = 30_000;

async function durableWork(name: string, parts: Parts): Promise<void> {
  const { world } = parts;
  const dice = parts.dice.fork(`${name}/work`);
  const client = new SimulatedClient(name, { ...parts, patienceMs: PATIENCE_MS });
  for (let left = dice.int(3, 10); left > 0; left -= 1) {
    await world.sleep(dice.chance(0.3) ? 0 : dice.int(0, 1_500), `${name} thinks`);
    const n = client.next();
    const wants = dice.chance(0.5) ? 'outcome' : 'durability';
    const asked = drawKnot({ from: name, n }, dice, wants === 'outcome');
    const key = dice.chance(0.8) ? { key: `${name}:${n}` } : {};
    await client.perform({ ...asked, number: n, wants, ...key });
    if (dice.chance(0.3)) lookAt(parts, dice);
  }
}

/** Looks at an entity while it is at work; nobody waits for it. */
function lookAt({ cluster, history }: Parts, dice: Dice): void {
  const nodes = cluster.running;
  if (nodes.length === 0) return;
  const { host, life } = dice.pick(nodes);
  host.view('knot', dice.pick(IDS), { strong: dice.chance(0.5) }).then(
    (view) => {
      if (life.alive) history.looks.push({ node: life.name, view });
    },
    (error: unknown) => life.note('no view', String(error)),
  );
}

async function clientWork(name: string, parts: Parts, scenario: Scenario): Promise<void> {
  const { world } = parts;
  const dice = parts.dice.fork(`${name}/work`);
  const client = new SimulatedClient(name, parts);
  const loves = dice.chance(0.4) ? drawReference : drawTangle;
  for (let left = dice.int(5, 20); left > 0; left -= 1) {
    await world.sleep(dice.chance(0.3) ? 0 : dice.int(0, 1_500), `${name} thinks`);
    if (scenario.alone !== true && dice.chance(0.15)) {
      await client.burst(burstOf(client, dice, scenario));
      continue;
    }
    const n = client.next();
    const told = { from: name, n };
    const asked = loves === drawTangle ? drawTangle(told, dice, scenario.weights) : drawReference(told, dice);
    const key = dice.chance(0.8) ? { key: `${name}:${n}` } : {};
    const { request, answer } = await client.perform({ ...asked, number: n, wants: wantsOf(asked, dice), ...key });
    if (answer?.kind === 'done' && dice.chance(0.3)) await readBack(parts, dice, request, answer);
  }
}

function burstOf(client: SimulatedClient, dice: Dice, { weights }: Scenario) {
  const ids = [dice.pick(['a', 'b', 'c', 'd'])];
  return Array.from({ length: dice.int(2, 6) }, () => {
    const number = client.next();
    const asked = drawTangle({ from: client.name, n: number }, dice, weights, ids);
    return { ...asked, number, wants: wantsOf(asked, dice), key: `${client.name}:${number}` };
  });
}

/** Reads with the token of an acknowledged change. */
async function readBack(
  { cluster, history, world }: Parts,
  dice: Dice,
  { type, id }: Request,
  { revision, position }: { readonly revision: number; readonly position: number },
): Promise<void> {
  const nodes = cluster.running;
  if (nodes.length === 0) return;
  const node = dice.pick(nodes);
  const projection = type === 'tangle' && dice.chance(0.5) ? 'tangles' : `entity.${type}`;
  const read = node.projections.get(projection, id, { position, entityType: type, timeoutMs: 3_000 }).then(
    (row) => {
      if (!node.life.alive) return;
      node.life.note('read', projection, id, position, row);
      history.reads.push({ projection, type, id, revision, position, row });
    },
    (error: unknown) => node.life.note('no read', projection, String(error)),
  );
  await Promise.race([read, world.sleep(10_000, 'read lost')]);
}
