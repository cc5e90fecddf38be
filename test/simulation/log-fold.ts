import { type MemoryLog, unpackTurn } from '../../runtime/adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../../runtime/core/image.ts';
import { addressOf, type StoredTurn, streamOf } from '../../runtime/core/record.ts';
import type { OpenCall, OpenRun } from '../../runtime/core/run/open-run.ts';
import type { AdminVerb } from '../../runtime/host/surface.ts';
import type { Cluster } from '../../runtime/testing/simulation/cluster.ts';

/** How late a timer may be once faults have stopped. */
export const GRACE_MS = 5_000;

/** What does not go on by itself: an entity that is parked or paused, or a run that stalled; and the verb that helps. */
export interface Stuck {
  readonly type: string;
  readonly id: string;
  readonly verb: AdminVerb;
  readonly run?: string;
}

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

  /** What does not go on by itself. */
  stuck(): readonly Stuck[] {
    this.update();
    return [...this.images.values()].flatMap(({ definition: { type }, id, books }): readonly Stuck[] => {
      if (books.paused !== undefined) return [{ type, id, verb: 'resume' as const }];
      if (books.parked !== undefined) return [{ type, id, verb: 'retry' as const }];
      const stalled = books.hasRuns ? [...books.runs.open.values()].filter((run) => run.stalled !== undefined) : [];
      return stalled.map(({ id: run }) => ({ type, id, verb: 'retry' as const, run }));
    });
  }

  /** Entities of which a run waits to be bumped. */
  awaiting(): readonly string[] {
    this.update();
    return [...this.images.values()].filter(({ books }) => this.#open(books).some(({ untils }) => untils > 0)).map(({ id }) => id);
  }

  /** Runs that are open or queued. */
  runs(): readonly string[] {
    this.update();
    return [...this.images.values()].flatMap(({ definition, id, books }) =>
      books.hasRuns
        ? [...books.runs.open.values(), ...books.runs.queued].map((run) => `${definition.type}/${id} ${run.id} ${run.name}`)
        : [],
    );
  }

  /** Timers that should have fired by now, waits that should be over, attempts that are certainly lost. */
  overdue(wallMs: number): readonly string[] {
    this.update();
    return [...this.images.values()].flatMap(({ definition, id, books }) => {
      const runs = books.hasRuns && !books.holding ? [books.runs.waits, books.runs.attempts] : [];
      return [books.timers, ...runs]
        .flatMap((one) => one.all())
        .filter(({ dueAt, timer }) => dueAt <= wallMs - GRACE_MS && !(books.hasRuns && books.runs.open.get(timer)?.stalled !== undefined))
        .map(({ timer, key, dueAt }) => `${definition.type}/${id} ${timer}/${key} due ${dueAt}, now ${wallMs}`);
    });
  }

  /** What is not at rest; empty when everything is. */
  unrest(cluster: Cluster): readonly string[] {
    this.update();
    const held = [...this.images.values()]
      .filter(({ books }) => books.holding)
      .map(({ definition, id }) => `${definition.type}/${id} holds`);
    return [...held, ...this.overdue(cluster.wallMs), ...this.#active(cluster.wallMs), ...cluster.unrest()];
  }

  settled(cluster: Cluster): boolean {
    return cluster.quiet() && this.unrest(cluster).length === 0;
  }

  #open({ hasRuns, runs }: Image['books']): readonly OpenRun[] {
    return hasRuns ? [...runs.open.values()] : [];
  }

  /** Runs that wait for something that comes soon. */
  #active(wallMs: number): readonly string[] {
    return [...this.images.values()].flatMap(({ id, books }) => {
      const open = this.#open(books).filter(
        (run) =>
          run.stalled !== undefined || run.calls.size === 0 || [...run.calls.values()].some((call) => this.#isNear(run, call, wallMs)),
      );
      const queued = books.hasRuns && books.runs.serial === undefined ? books.runs.queued : [];
      return [...open, ...queued].map((run) => `${id} ${run.id} ${run.name} goes on`);
    });
  }

  #isNear({ calls }: OpenRun, { what, nextAt }: OpenCall, wallMs: number): boolean {
    switch (what.kind) {
      case 'callback':
        // Its token may not have been sent.
        return what.dueAt === undefined ? calls.size === 1 : what.dueAt <= wallMs + GRACE_MS;
      case 'sleep':
      case 'until':
        return (what.dueAt ?? 0) <= wallMs + GRACE_MS;
      case 'signal': {
        const callee = this.images.get(streamOf(what.type, what.id));
        return callee?.books.hasRuns !== true;
      }
      case 'activity':
      case 'query':
        // A clock that was set back leaves attempts that come much later.
        return nextAt <= wallMs + GRACE_MS;
      case 'resume':
        return true;
    }
  }
}
