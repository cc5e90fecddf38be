import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn } from '../../runtime/core/image.ts';
import { checkedFreeze } from '../../runtime/core/plain.ts';
import { addressOf, type StoredTurn } from '../../runtime/core/record.ts';
import type { OpenRun } from '../../runtime/core/run/open-run.ts';
import { ReplayedRuns } from '../../runtime/testing/replayed-runs.ts';
import { DURABLE_CAST } from './casts.ts';

const ACTIVITIES = ['chore', 'charge', 'refund', 'mail'];

/** Executes every run of the log once more, open or ended, and says which do not come out as they were recorded. */
export async function divergences(turns: readonly StoredTurn[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const definition of DURABLE_CAST.sound) {
    const ids = new Set(turns.flatMap(({ stream }) => addressOf(stream)).flatMap((at) => (at?.type === definition.type ? [at.id] : [])));
    for (const id of ids) wrong.push(...(await divergent(definition, id, turns)));
  }
  return wrong;
}

async function divergent(definition: EntityDefinition, id: string, turns: readonly StoredTurn[]): Promise<readonly string[]> {
  const image = emptyImage(definition, id);
  const runs: OpenRun[] = [];
  image.books.runs.onEnded = (run) => runs.push(run);
  for (const turn of turns) if (turn.stream === `${definition.type}-${id}`) foldTurn(image, turn, checkedFreeze);
  const replayed = new ReplayedRuns(DURABLE_CAST.sound, ACTIVITIES);
  const wrong: string[] = [];
  for (const run of [...runs, ...image.books.runs.open.values()]) {
    const divergence = await replayed.divergence(image, [run]);
    if (divergence !== undefined) wrong.push(`${divergence.message} ${JSON.stringify(divergence.details)}`);
  }
  return wrong;
}
