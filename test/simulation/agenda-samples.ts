import { type MemoryReadContents, MemoryReadStore } from '../../runtime/adapters/memory/read-store.ts';
import type { Position } from '../../runtime/core/record.ts';
import type { AgendaRow } from '../../runtime/host/agenda.ts';
import type { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import type { Dice } from '../../runtime/testing/simulation/dice.ts';
import type { World } from '../../runtime/testing/simulation/world.ts';

/** The agenda of one node at one moment. */
export interface AgendaSample {
  readonly node: string;
  readonly atMs: number;
  /** Up to where it has read the log, and where that ended. */
  readonly checkpoint: Position;
  readonly head: Position;
  /** By stream. */
  readonly rows: ReadonlyMap<string, AgendaRow>;
}

const TABLE = 'perdure.agenda@2';

/** Keeps what the agendas of all nodes say, now and then. */
export class AgendaSamples {
  readonly #cluster: Cluster;
  readonly #world: World;
  readonly #taken: (Omit<AgendaSample, 'rows'> & { readonly contents: MemoryReadContents })[] = [];
  #isOver = false;

  constructor(cluster: Cluster, world: World) {
    this.#cluster = cluster;
    this.#world = world;
  }

  start(dice: Dice): void {
    const next = () => {
      if (this.#isOver) return;
      this.take();
      this.#world.plan('sample', dice.int(500, 4_000), next);
    };
    this.#world.plan('sample', dice.int(500, 4_000), next);
  }

  stop(): void {
    this.#isOver = true;
  }

  take(): void {
    const { log, rows } = this.#cluster;
    for (const [node, { tables }] of rows) {
      const table = tables.get(TABLE);
      if (table?.checkpoint === undefined) continue;
      const contents = { tables: new Map([[TABLE, { ...table, rows: new Map(table.rows) }]]) };
      this.#taken.push({ node, atMs: this.#world.nowMs, checkpoint: table.checkpoint.position, head: log.next, contents });
    }
  }

  /** All that was kept. */
  async decoded(): Promise<readonly AgendaSample[]> {
    const samples: AgendaSample[] = [];
    for (const { contents, ...sample } of this.#taken) {
      const table = contents.tables.get(TABLE);
      const keys = [...(table?.rows.keys() ?? [])];
      const reader = new MemoryReadStore(contents);
      if (table !== undefined) await reader.declare({ table: TABLE, indexes: table.indexes });
      const rows = await reader.getMany(TABLE, keys);
      samples.push({ ...sample, rows: new Map(keys.map((key, at) => [key, rows[at] as AgendaRow])) });
    }
    return samples;
  }
}
