import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Checkpoint } from '../ports/read-store.ts';
import { Alarm } from './alarm.ts';

/** While readers wait, the other writer's checkpoint is read this often. */
const POLL_MS = 250;

export interface StandbyParts {
  readonly clock: Clock;
  readonly checkpoint: () => Promise<Checkpoint | undefined>;
  /** Told how far the other writer is; true if somebody still waits. */
  readonly seen: (position: Position) => boolean;
  readonly trouble: (error: unknown) => void;
}

/** Watches a table that another node writes, for the readers of this one. */
export class Standby {
  readonly #parts: StandbyParts;
  readonly #alarm: Alarm;
  #position: Position;
  #ended = false;

  constructor(parts: StandbyParts, position: Position) {
    this.#parts = parts;
    this.#position = position;
    this.#alarm = new Alarm(parts.clock, () => void this.#look());
    this.look();
  }

  /** How far the other writer was when last looked at. */
  get position(): Position {
    return this.#position;
  }

  /** Reads the checkpoint soon, and again while somebody waits. */
  look(): void {
    if (!this.#ended) this.#alarm.arm(0);
  }

  end(): void {
    this.#ended = true;
    this.#alarm.disarm();
  }

  async #look(): Promise<void> {
    try {
      const checkpoint = await this.#parts.checkpoint();
      this.#position = Math.max(this.#position, checkpoint?.position ?? 0);
    } catch (error) {
      this.#parts.trouble(error);
    }
    if (!this.#ended && this.#parts.seen(this.#position)) this.#alarm.arm(POLL_MS);
  }
}
