import { afterEach, expect, test } from 'vitest';
import type { Answer } from '../../../runtime/core/answer.ts';
import { readAll } from '../../contract/event-store.ts';
import { type Owner, startOwner } from './owner.ts';
import { useWorld, within } from './world.ts';

// Two nodes that both believe they own an entity: the expected revision of every append is the fence. One history comes of it, in which every update
// that was accepted is there once.

const { server, open } = useWorld();
const owners: Owner[] = [];
afterEach(async () => {
  await within(Promise.all(owners.splice(0).map((owner) => owner.stop())), 'stopping the hosts');
});

const UPDATES = 60;
const ID = 'shared';

async function start(): Promise<Owner> {
  const owner = await startOwner(await open());
  owners.push(owner);
  return owner;
}

/** Sends updates one after another, each with a number of its own; the answers. */
async function addAll(owner: Owner, first: number, between: (n: number) => void = () => undefined): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let n = first; n < first + UPDATES; n += 1) {
    between(n);
    answers.push(await within(owner.add(ID, n, `update-${n}`), `the answer to update ${n}`));
  }
  return answers;
}

interface Added {
  readonly n: number;
}

async function numbersInHistory(): Promise<readonly number[]> {
  const records = await readAll(await open(), `tally-${ID}`);
  expect(records.map(({ revision }) => revision)).toEqual(records.map((_, index) => index));
  return records.filter(({ type }) => type === 'Added').map(({ data }) => (data as Added).n);
}

/** Counts that the answers carry: each update is one state further. */
function countsOf(answers: readonly Answer[]): readonly number[] {
  return answers.map((answer) => {
    if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
    return (answer.result as { readonly count: number }).count;
  });
}

const byNumber = (one: number, other: number) => one - other;
const ALL = Array.from({ length: 2 * UPDATES }, (_, n) => n);

test('E2: two owners of one entity make one history: each update is in it once, decided on the state that all before it left', async () => {
  const [one, two] = [await start(), await start()];
  const answers = await Promise.all([addAll(one, 0), addAll(two, UPDATES)]);
  expect([...(await numbersInHistory())].sort(byNumber)).toEqual(ALL);
  const counts = countsOf(answers.flat());
  expect([...counts].sort(byNumber)).toEqual(ALL.map((n) => n + 1));
  // Each owner saw its own updates in the order in which it sent them.
  for (const own of answers) expect([...countsOf(own)]).toEqual([...countsOf(own)].sort(byNumber));
  const conflicts = [one, two].reduce((sum, owner) => sum + (owner.counters()['conflicts'] ?? 0), 0);
  expect(conflicts).toBeGreaterThan(0);
});

test('E3: so it is when answers are lost and connections are reset meanwhile', async () => {
  const [one, two] = [await start(), await start()];
  const { faults } = server();
  const answers = await Promise.all([
    addAll(one, 0, (n) => {
      if (n % 10 === 3) faults.dropAfterCommit();
      if (n % 20 === 7) faults.killConnections();
    }),
    addAll(two, UPDATES, (n) => {
      if (n % 15 === 5) faults.dropBeforeCommit();
      if (n % 20 === 9) faults.endCleanly();
    }),
  ]);
  expect([...(await numbersInHistory())].sort(byNumber)).toEqual(ALL);
  expect([...countsOf(answers.flat())].sort(byNumber)).toEqual(ALL.map((n) => n + 1));
  const unknown = [one, two].reduce((sum, owner) => sum + (owner.counters()['unknown'] ?? 0), 0);
  expect(unknown).toBeGreaterThan(0);
});

test('E2: the same update sent to both owners at once takes effect once', async () => {
  const [one, two] = [await start(), await start()];
  for (let n = 0; n < 20; n += 1) {
    const [first, second] = await within(Promise.all([one.add(ID, n, `both-${n}`), two.add(ID, n, `both-${n}`)]), 'both answers');
    expect([first, second]).toMatchObject([
      { kind: 'done', result: { count: n + 1 } },
      { kind: 'done', result: { count: n + 1 } },
    ]);
  }
  expect(await numbersInHistory()).toEqual(ALL.slice(0, 20));
});

test('Z2: an append that got lost while another node took the entity is decided anew on what that one did', async () => {
  const one = await start();
  await addAll(one, 0);
  const two = await start();
  server().faults.dropBeforeCommit();
  const late = one.add(ID, UPDATES, 'late');
  // The other one writes while the first does not know what became of its append.
  const answers = await addAll(two, UPDATES + 1);
  expect(countsOf(answers)).toHaveLength(UPDATES);
  expect(countsOf([await within(late, 'the late answer')])[0]).toBeGreaterThan(UPDATES + 1);
  expect([...(await numbersInHistory())].sort(byNumber)).toEqual([...ALL, 2 * UPDATES]);
});
