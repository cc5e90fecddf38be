import type { EntityDefinition } from '../core/definition/erased.ts';
import { plainSize } from '../core/plain.ts';
import type { HostContext } from './context.ts';
import { passivateAfterMs } from './life.ts';
import { Mailbox } from './mailbox.ts';

const SWEEP_MS = 1_000;
/** Mailboxes looked at per eviction, so that one message never pays for a sweep over all. */
const LOOK = 16;
const MEASURE_AFTER_BYTES = 2_048;

/**
 * The mailboxes in memory, and which of them leave it.
 *
 * Invariants:
 * O1. An entity has at most one mailbox.
 * O2. Above `maxEntitiesInMemory` or `maxEntityBytesInMemory` idle mailboxes leave, those not used for longest first (second chance); nothing that
 *     works is ever evicted, so the bound holds as far as entities are idle.
 * O3. Leaving memory is not observable but by time.
 */
export class Mailboxes {
  readonly #context: HostContext;
  readonly #passivate: (mailbox: Mailbox) => boolean;
  /** By definition and id: an id is at hand and hashed once, a stream's name would be made anew for every message. */
  readonly #byType = new Map<EntityDefinition, Map<string, Mailbox>>();
  /** All mailboxes in no order, and where the next look begins: a clock with a second chance. */
  readonly #ring: Mailbox[] = [];
  #hand = 0;
  #stateBytes = 0;
  #stopSweep: (() => void) | undefined;

  /** `passivate` lets an idle mailbox drop its image; false if it is not idle. */
  constructor(context: HostContext, passivate: (mailbox: Mailbox) => boolean) {
    this.#context = context;
    this.#passivate = passivate;
    this.#scheduleSweep();
  }

  get count(): number {
    return this.#ring.length;
  }

  /** Estimated bytes of the states in memory. */
  get stateBytes(): number {
    return this.#stateBytes;
  }

  /** The mailbox of an entity, made if it is not in memory. */
  get(definition: EntityDefinition, id: string): Mailbox {
    const ofType = this.#ofType(definition);
    let mailbox = ofType.get(id);
    if (mailbox === undefined) {
      mailbox = new Mailbox(definition, id);
      mailbox.lastUsedMs = this.#context.clock.now();
      ofType.set(id, mailbox);
      mailbox.place = this.#ring.push(mailbox) - 1;
    }
    return mailbox;
  }

  #ofType(definition: EntityDefinition): Map<string, Mailbox> {
    let ofType = this.#byType.get(definition);
    if (ofType === undefined) {
      ofType = new Map();
      this.#byType.set(definition, ofType);
    }
    return ofType;
  }

  /** A mailbox has nothing to do: measures it now and then, and evicts others (or, with a time of 0, itself) if there are too many. */
  rested(mailbox: Mailbox): void {
    if (passivateAfterMs(mailbox, this.#context.limits.passivateAfterMs) === 0) {
      this.#drop(mailbox);
      return;
    }
    this.#measure(mailbox);
    if (this.#isOver) this.#evict();
  }

  get #isOver(): boolean {
    const { maxEntitiesInMemory, maxEntityBytesInMemory } = this.#context.limits;
    return this.#ring.length > maxEntitiesInMemory || this.#stateBytes > maxEntityBytesInMemory;
  }

  /** Everything in memory, for the drain. */
  all(): readonly Mailbox[] {
    return this.#ring;
  }

  stop(): void {
    this.#stopSweep?.();
  }

  /** A state is measured when it first rests, and anew when its stream has grown by a part of it: so that costs little however large the state. */
  #measure(mailbox: Mailbox): void {
    const { image } = mailbox;
    if (image === undefined || mailbox.unmeasuredBytes < Math.max(MEASURE_AFTER_BYTES, mailbox.stateBytes >> 2)) return;
    let bytes = 512;
    try {
      bytes += plainSize(image.state, 'state');
    } catch {
      // A state that is not plain is legal until it is snapshot; its size is then only guessed.
      bytes += 4_096;
    }
    this.#stateBytes += bytes - mailbox.stateBytes;
    mailbox.stateBytes = bytes;
    mailbox.unmeasuredBytes = 0;
  }

  /** Looks at a few mailboxes; those used since the last look are passed over once. Several small ones may have to leave for a large one. */
  #evict(): void {
    for (let looked = 0; looked < LOOK && this.#isOver; looked += 1) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const mailbox = this.#ring[this.#hand];
      if (mailbox === undefined) return;
      if (!mailbox.recent && this.#drop(mailbox)) continue;
      mailbox.recent = false;
      this.#hand += 1;
    }
  }

  #drop(mailbox: Mailbox): boolean {
    const { stateBytes } = mailbox;
    if (!this.#passivate(mailbox)) return false;
    this.#stateBytes -= stateBytes;
    this.#byType.get(mailbox.definition)?.delete(mailbox.id);
    const last = this.#ring.pop();
    if (last !== undefined && last !== mailbox) {
      this.#ring[mailbox.place] = last;
      last.place = mailbox.place;
    }
    return true;
  }

  #scheduleSweep(): void {
    this.#stopSweep = this.#context.clock.after(SWEEP_MS, () => {
      const now = this.#context.clock.now();
      // A copy: what is dropped changes the ring.
      for (const mailbox of [...this.#ring]) {
        if (now - mailbox.lastUsedMs >= passivateAfterMs(mailbox, this.#context.limits.passivateAfterMs)) this.#drop(mailbox);
      }
      this.#scheduleSweep();
    });
  }
}
