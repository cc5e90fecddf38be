import { addressOf, type StoredTurn } from '../../runtime/core/record.ts';
import { Flow, flow, note, undo, work } from './entities.ts';
import { imagesOf, tokensOf } from './folding.ts';
import { logOf, turnsOf } from './history.ts';
import { type Cast, Stage } from './stage.ts';

/** Everything works by now. */
const HEALTHY: Cast = { entities: [note, flow], activities: [work.implement(({ n }) => Math.abs(n) * 2), undo.implement(() => undefined)] };
const DAY_MS = 86_400_000;

/**
 * A node of the code at hand takes a history over: what is paused is resumed, what is parked skipped, what has stalled retried, callbacks are completed by
 * the tokens that were given out, and 100 days pass. What the runs came to, by `stream run`, and the notes, by `stream`.
 */
export async function ends(turns: readonly StoredTurn[]): Promise<Readonly<Record<string, unknown>>> {
  const log = logOf(turns);
  const runs = runsOf(turns);
  const stage = await Stage.open(log, turns.at(-1)?.time ?? 0, HEALTHY);
  try {
    await stage.pass(60_000);
    for (let day = 0; day < 100; day += 1) {
      if (day < 5) await tended(stage, turnsOf(log));
      await stage.pass(DAY_MS);
    }
    const found: Record<string, unknown> = {};
    for (const [stream, run] of runs) {
      const { type, id } = addressOf(stream) ?? { type: '', id: '' };
      const view = await stage.run(type, id, run).catch((error: { readonly code?: unknown }) => ({ status: String(error.code) }));
      const { status, ...more } = view as {
        readonly status: string;
        readonly result?: unknown;
        readonly problem?: { readonly code: string };
      };
      found[`${stream} ${run}`] = { status, result: more.result ?? null, code: more.problem?.code ?? null };
    }
    for (const [stream, { definition, state, books }] of imagesOf(turnsOf(log)))
      found[stream] = { held: books.heldCount, parked: books.parked?.reason ?? null, ...(definition.type === 'note' ? { state } : {}) };
    return found;
  } finally {
    stage.close();
  }
}

/** Every run that a history knows of, in flight, ended or held. */
function runsOf(turns: readonly StoredTurn[]): readonly (readonly [stream: string, run: string])[] {
  const found = new Map<string, readonly [string, string]>();
  for (const { stream, records } of turns)
    for (const { meta } of records) if (meta.run !== undefined) found.set(`${stream} ${meta.run}`, [stream, meta.run]);
  return [...found.values()];
}

/** What an operator and the world outside do. */
async function tended(stage: Stage, turns: readonly StoredTurn[]): Promise<void> {
  for (const image of imagesOf(turns).values()) {
    const { definition, id, books } = image;
    const { type } = definition;
    if (books.forgotten) continue;
    for (const token of tokensOf(image)) await stage.callback(token, { result: 'answered' });
    if (books.paused !== undefined) await stage.admin({ type, id, verb: 'resume' });
    if (books.parked !== undefined && books.parked.reason !== 'fold') await stage.admin({ type, id, verb: 'skip' });
    if (type !== 'flow') continue;
    await stage.send(Flow(id).approve());
    if ([...books.runs.open.values()].some(({ stalled }) => stalled !== undefined)) await stage.admin({ type, id, verb: 'retry' });
  }
}
