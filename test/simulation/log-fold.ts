import { type MemoryLog, unpackTurn } from '../../runtime/adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../../runtime/core/image.ts';
import { addressOf, type StoredTurn } from '../../runtime/core/record.ts';
import type { AdminVerb } from '../../runtime/host/surface.ts';
import type { Cluster } from '../../runtime/testing/simulation/cluster.ts';

/** How late a timer may be once faults have stopped. */
export const GRACE_MS = 5_000;

/** The whole log folded from the beginning, kept up to date: what the truth is, whatever the nodes believe. */
export class LogFold {
  readonly images = new Map<string, Image>();
  readonly turns: StoredTurn[] = [];
  readonly #log: MemoryLog;
  readonly #definitions: ReadonlyMap<string, EntityDefinition>;

  constructor(log: MemoryLog, definitions: readonly EntityDefinition[]) {
    this.#log = log;
    this.#definitions = new Map(definitions.map((definition) => [definition.type, definition]));
  }

  /** Folds what is new. */
  update(): void {
    for (let at = this.turns.length; at < this.#log.turns.length; at += 1) {
      const packed = this.#log.turns[at];
      const turn = packed === undefined ? undefined : unpackTurn(this.#log, packed);
      if (turn === undefined) throw new Error(`turn ${at} cannot be read`);
      this.turns.push(turn);
      const address = addressOf(turn.stream);
      const definition = address === undefined ? undefined : this.#definitions.get(address.type);
      if (address === undefined || definition === undefined) continue;
      let image = this.images.get(turn.stream);
      if (image === undefined) {
        image = emptyImage(definition, address.id);
        this.images.set(turn.stream, image);
      }
      foldTurn(image, turn, (state) => state);
    }
  }

  /** Entities that are parked or paused, and the verb that helps. */
  stuck(): readonly { readonly type: string; readonly id: string; readonly verb: AdminVerb }[] {
    this.update();
    return [...this.images.values()]
      .filter(({ books }) => books.paused !== undefined || books.parked !== undefined)
      .map(({ definition: { type }, id, books }) => ({ type, id, verb: books.paused === undefined ? 'retry' : 'resume' }));
  }

  /** Timers that should have fired by now. */
  overdue(wallMs: number): readonly string[] {
    this.update();
    return [...this.images.values()].flatMap(({ definition, id, books }) =>
      books.timers
        .all()
        .filter(({ dueAt }) => dueAt <= wallMs - GRACE_MS)
        .map(({ timer, key, dueAt }) => `${definition.type}/${id} ${timer}/${key} due ${dueAt}, now ${wallMs}`),
    );
  }

  /** What is not at rest; empty when everything is. */
  unrest(cluster: Cluster): readonly string[] {
    this.update();
    const held = [...this.images.values()]
      .filter(({ books }) => books.holding)
      .map(({ definition, id }) => `${definition.type}/${id} holds`);
    return [...held, ...this.overdue(cluster.wallMs), ...cluster.unrest()];
  }

  settled(cluster: Cluster): boolean {
    return cluster.quiet() && this.unrest(cluster).length === 0;
  }
}
