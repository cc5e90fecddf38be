import type { MemoryReadContents } from '../../runtime/adapters/memory/read-store.ts';
import { MemoryReadStore } from '../../runtime/adapters/memory/read-store.ts';
import type { NewRecord, StoredTurn, StreamName } from '../../runtime/core/record.ts';
import type { EntityView } from '../../runtime/host/surface.ts';
import type { Row } from '../../runtime/ports/read-store.ts';
import type { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import type { History, Look, Request, TokenRead } from '../../runtime/testing/simulation/history.ts';
import type { RunEnd, World } from '../../runtime/testing/simulation/world.ts';
import type { AgendaSample, AgendaSamples } from './agenda-samples.ts';
import type { Completion } from './knot/callback-senders.ts';
import type { Account, Outside, Trial } from './knot/outside.ts';
import type { LogFold } from './log-fold.ts';
import { divergences } from './replays.ts';
import type { Scenario } from './scenarios.ts';

/** One record with its place. */
export interface Placed {
  readonly record: NewRecord;
  readonly revision: number;
  readonly position: number;
  readonly turn: StoredTurn;
}

/** How a time for settling ended, and what was not at rest then. */
export interface SettleEnd {
  readonly end: RunEnd;
  readonly unrest: readonly string[];
}

/** Everything that judges may look at. Plain data, gathered at the end of a run. */
export interface Evidence {
  readonly scenario: Scenario;
  readonly seed: number | string;
  readonly requests: readonly Request[];
  readonly reads: readonly TokenRead[];
  readonly looks: readonly Look[];
  /** What activities met outside: attempts, accounts of the payment gateway by key, completions of callbacks. */
  readonly trials: readonly Trial[];
  readonly accounts: ReadonlyMap<string, Account>;
  readonly completions: readonly Completion[];
  readonly agendas: readonly AgendaSample[];
  /** Runs that do not come out as recorded when they are executed again. */
  readonly divergences: readonly string[];
  readonly turns: readonly StoredTurn[];
  readonly streams: ReadonlyMap<StreamName, readonly Placed[]>;
  readonly snapshots: ReadonlyMap<StreamName, Uint8Array>;
  /** Rows by node, table and key; the checkpoint of a table under `checkpoints`. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Row>>>;
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What running nodes say of entities, by node and stream; an error's text if they say nothing. */
  readonly views: ReadonlyMap<string, ReadonlyMap<StreamName, EntityView | string>>;
  readonly ends: readonly SettleEnd[];
  readonly unrest: readonly string[];
  /** Clients or sources were still at work in the end. */
  readonly unfinished: boolean;
  /** Timers that were overdue before the clocks were moved on, and after. */
  readonly overdue: readonly string[];
  /** Did clocks jump? */
  readonly jumped: boolean;
  readonly faults: ReadonlyMap<string, number>;
  /** What steps threw: nothing should. */
  readonly uncaught: readonly string[];
  readonly trace: readonly string[];
  readonly hash: string;
  readonly steps: number;
}

export interface GatherParts {
  readonly scenario: Scenario;
  readonly seed: number | string;
  readonly world: World;
  readonly cluster: Cluster;
  readonly history: History;
  readonly fold: LogFold;
  readonly outside: Outside;
  readonly agendas: AgendaSamples;
  readonly jumped: boolean;
  readonly beforeSkip: readonly string[];
  readonly ends: readonly SettleEnd[];
  readonly working: () => boolean;
}

/** Asks nodes and stores for the end of the story. */
export async function gather(parts: GatherParts): Promise<Evidence> {
  const { scenario, seed, world, cluster, history, fold, outside, agendas, jumped, beforeSkip, ends, working } = parts;
  fold.update();
  const unrest = fold.unrest(cluster);
  const views = await viewsOf(parts);
  const rows = new Map<string, ReadonlyMap<string, ReadonlyMap<string, Row>>>();
  const checkpoints = new Map<string, ReadonlyMap<string, number>>();
  for (const [node, contents] of cluster.rows) {
    rows.set(node, await rowsOf(contents));
    checkpoints.set(node, new Map([...contents.tables].map(([name, table]) => [name, table.checkpoint?.position ?? 0])));
  }
  return {
    scenario,
    seed,
    requests: history.requests,
    reads: history.reads,
    looks: history.looks,
    trials: outside.trials,
    accounts: outside.accounts,
    completions: outside.senders.completions,
    agendas: await agendas.decoded(),
    divergences: await divergences(fold.turns),
    turns: fold.turns,
    streams: streamsOf(fold.turns),
    snapshots: cluster.log.snapshots,
    rows,
    checkpoints,
    views,
    ends,
    unrest,
    unfinished: working(),
    overdue: [...beforeSkip, ...fold.overdue(cluster.wallMs)],
    jumped,
    faults: cluster.faultLog.counts,
    uncaught: world.uncaught,
    trace: world.trace.lines,
    hash: world.trace.hash(),
    steps: world.steps,
  };
}

async function viewsOf({ cluster, fold, world }: GatherParts): Promise<Evidence['views']> {
  const views = new Map<string, Map<StreamName, EntityView | string>>();
  let asked = 0;
  for (const { host, life } of cluster.running) {
    const seen = new Map<StreamName, EntityView | string>();
    views.set(life.name, seen);
    for (const [stream, { definition, id }] of fold.images) {
      asked += 1;
      const note = (view: EntityView | string) => {
        asked -= 1;
        seen.set(stream, view);
      };
      host.view(definition.type, id, { strong: true }).then(note, (error: unknown) => note(String(error)));
    }
  }
  await world.run({ finished: () => asked === 0, forMs: 10_000, maxSteps: 100_000 });
  return views;
}

async function rowsOf(contents: MemoryReadContents): Promise<ReadonlyMap<string, ReadonlyMap<string, Row>>> {
  const reader = new MemoryReadStore(contents);
  const tables = new Map<string, ReadonlyMap<string, Row>>();
  for (const [table, { indexes, rows }] of contents.tables) {
    await reader.declare({ table, indexes });
    const keys = [...rows.keys()];
    const found = await reader.getMany(table, keys);
    tables.set(table, new Map(keys.map((key, at) => [key, found[at]])));
  }
  return tables;
}

function streamsOf(turns: readonly StoredTurn[]): Map<StreamName, Placed[]> {
  const streams = new Map<StreamName, Placed[]>();
  for (const turn of turns) {
    const records = streams.get(turn.stream) ?? [];
    streams.set(turn.stream, records);
    for (const [at, record] of turn.records.entries()) {
      records.push({ record, revision: turn.firstRevision + at, position: turn.position + at, turn });
    }
  }
  return streams;
}

/** Was the entity of a stream forgotten? Much that is promised ends there. */
export function wasForgotten({ streams }: Evidence, stream: StreamName): boolean {
  return streams.get(stream)?.some(({ record }) => record.type === 'perdure:Forgotten') === true;
}
