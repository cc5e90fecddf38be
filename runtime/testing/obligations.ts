import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import { isPerdureError } from '../core/errors.ts';
import { addressOf, type StreamName } from '../core/record.ts';
import type { EntityView, HostSurface, OwedView } from '../host/surface.ts';

/** An entity that owes something, or stands still. */
interface Known {
  readonly view: EntityView;
  /** When something of it is due, milliseconds since 1970, in order. */
  readonly dueAt: readonly number[];
  /** From when on it works: the earliest of its attempts, out or planned. */
  readonly worksAt: number;
}

/** Who is told what the host says. */
export interface Told {
  /** An entity as it is, each time its stream has grown. */
  readonly seen: (view: EntityView) => void;
  /** An entity could not be looked at. */
  readonly failed: (error: unknown) => void;
}

/**
 * What all entities owe, and when: what virtual time may skip to.
 *
 * Invariants:
 * O1. It is asked of the host, anew for each entity whose stream has grown, and for each that has something due at a time just reached. To be asked
 *     wakes an entity, so what is due happens at its time, also when the entity was asleep.
 */
export class Obligations {
  readonly #log: MemoryLog;
  readonly #told: Told;
  readonly #known = new Map<StreamName, Known>();
  readonly #ask = new Set<StreamName>();
  #seen = 0;

  constructor(log: MemoryLog, told: Told) {
    this.#log = log;
    this.#told = told;
  }

  /** Asks the host about what has changed (O1); false if nothing has. The answers are there when all that is due now has run. */
  look(host: HostSurface): boolean {
    const { turns } = this.#log;
    for (; this.#seen < turns.length; this.#seen += 1) {
      const stream = turns[this.#seen]?.stream;
      if (stream !== undefined) this.#ask.add(stream);
    }
    if (this.#ask.size === 0) return false;
    for (const stream of this.#ask) void this.#lookAt(host, stream);
    this.#ask.clear();
    return true;
  }

  /** Time was moved: what was due in between is to be looked at (O1). */
  moved(fromMs: number, toMs: number): void {
    for (const [stream, { dueAt }] of this.#known) {
      if (dueAt.some((at) => at > fromMs && at <= toMs)) this.#ask.add(stream);
    }
  }

  /** The earliest time after `nowMs` at which something is due; undefined if nothing is. */
  nextMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#known.values()) {
      const at = dueAt.find((one) => one > nowMs);
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  /** Is work under way whose end no entity has a time for: an attempt, or one that waits for its turn? */
  isWorking(nowMs: number): boolean {
    for (const { worksAt } of this.#known.values()) if (worksAt <= nowMs) return true;
    return false;
  }

  /** Turns of the log that were looked at. */
  get seen(): number {
    return this.#seen;
  }

  /** The entities that owe something, wait or stand still. */
  open(): readonly EntityView[] {
    return Array.from(this.#known.values(), ({ view }) => view);
  }

  async #lookAt(host: HostSurface, stream: StreamName): Promise<void> {
    const address = addressOf(stream);
    if (address === undefined || !host.definitions.has(address.type)) return;
    try {
      const view = await host.view(address.type, address.id, { strong: false });
      this.#told.seen(view);
      this.#know(stream, view);
    } catch (error) {
      if (!isPerdureError(error, 'forgotten') && !isPerdureError(error, 'not-found')) this.#told.failed(error);
      this.#known.delete(stream);
    }
  }

  #know(stream: StreamName, view: EntityView): void {
    const { owes, runs, parked, paused } = view;
    if (owes.length === 0 && runs.length === 0 && parked === null && paused === null) this.#known.delete(stream);
    else this.#known.set(stream, { view, dueAt: owes.flatMap(({ dueAt }) => dueAt ?? []), worksAt: worksAt(view) });
  }
}

/** What stands still does not work. What is owed comes soonest first. */
function worksAt({ owes, parked, paused }: EntityView): number {
  const first = parked === null && paused === null ? owes.find(({ kind }) => WORKING.has(kind)) : undefined;
  return first === undefined ? Number.POSITIVE_INFINITY : (first.dueAt ?? 0);
}
const WORKING: ReadonlySet<OwedView['kind']> = new Set(['activity', 'query']);
