import { isDeepStrictEqual } from 'node:util';
import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import { streamOf } from '../core/record.ts';
import type { EntityView } from '../host/surface.ts';
import type { Mishaps } from './mishaps.ts';
import { foldedImage } from './streams.ts';

/**
 * What was done is done once more from what was recorded, and must come to the same: else it would come out differently after a crash.
 *
 * Invariants:
 * R1. The state that the host has in memory is what the stream folds to, from its first record on.
 * R2. A stream is folded again when it has grown by a quarter: all checks together cost a few times what the events cost.
 */
export class ReplayChecks {
  readonly #log: MemoryLog;
  readonly #definitions: ReadonlyMap<string, EntityDefinition>;
  readonly #mishaps: Mishaps;
  /** What the host showed of entities that have changed. */
  readonly #changed = new Map<string, EntityView>();
  /** Records of each stream when it was last checked. */
  readonly #checked = new Map<string, number>();

  constructor(log: MemoryLog, definitions: readonly EntityDefinition[], mishaps: Mishaps) {
    this.#log = log;
    this.#definitions = new Map(definitions.map((definition) => [definition.type, definition]));
    this.#mishaps = mishaps;
  }

  /** The host shows an entity. */
  seen(view: EntityView): void {
    this.#changed.set(streamOf(view.type, view.id), view);
  }

  /** Checks what has changed and come to rest; each divergence is a mishap, code `determinism`. */
  inspect(): void {
    for (const [stream, view] of this.#changed) {
      const records = view.revision + 1;
      if (records >= (this.#checked.get(stream) ?? 0) * 1.25) {
        this.#checked.set(stream, records);
        this.#checkFold(view);
      }
    }
    this.#changed.clear();
  }

  #checkFold({ type, id, state, revision, parked }: EntityView): void {
    const definition = this.#definitions.get(type);
    if (definition === undefined || parked !== null) return;
    const image = foldedImage(this.#log, definition, id);
    if (image.books.revision !== revision || isDeepStrictEqual(image.state, state)) return;
    const [memory, folded] = [state, image.state].map((one) => JSON.stringify(one));
    this.#mishaps.add(
      new PerdureError(
        'determinism',
        `${type}/${id}: a reducer depends on more than state and event: in memory the state is ${memory}, its stream folds to ${folded}`,
      ),
    );
  }
}
