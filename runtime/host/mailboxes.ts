import type { EntityDefinition } from '../core/definition/erased.ts';
import { plainSize } from '../core/plain.ts';
import { type StreamName, streamOf } from '../core/record.ts';
import type { HostContext } from './context.ts';
import { passivateAfterMs } from './life.ts';
import { Mailbox } from './mailbox.ts';

const SWEEP_MS = 1_000;
/** Mailboxes looked at per eviction, so that one message never pays for a sweep over all. */
const LOOK = 16;

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
  readonly #all = new Map<StreamName, Mailbox>();
  #stateBytes = 0;
  #stopSweep: (() => void) | undefined;

  /** `passivate` lets an idle mailbox drop its image; false if it is not idle. */
  constructor(context: HostContext, passivate: (mailbox: Mailbox) => boolean) {
    this.#context = context;
    this.#passivate = passivate;
    this.#scheduleSweep();
  }

  get count(): number {
    return this.#all.size;
  }

  /** Estimated bytes of the states in memory. */
  get stateBytes(): number {
    return this.#stateBytes;
  }

  find(stream: StreamName): Mailbox | undefined {
    return this.#all.get(stream);
  }

  /** The mailbox of an entity, made if it is not in memory. */
  get(definition: EntityDefinition, id: string): Mailbox {
    const stream = streamOf(definition.type, id);
    let mailbox = this.#all.get(stream);
    if (mailbox === undefined) {
      mailbox = new Mailbox(definition, id);
      mailbox.lastUsedMs = this.#context.clock.now();
      this.#all.set(stream, mailbox);
    }
    return mailbox;
  }

  /** A mailbox has nothing to do: measures it now and then, and evicts others (or, with a time of 0, itself) if there are too many. */
  rested(mailbox: Mailbox): void {
    if (passivateAfterMs(mailbox, this.#context.limits.passivateAfterMs) === 0) {
      this.#drop(mailbox);
      return;
    }
    this.#measure(mailbox);
    const { maxEntitiesInMemory, maxEntityBytesInMemory } = this.#context.limits;
    if (this.#all.size > maxEntitiesInMemory || this.#stateBytes > maxEntityBytesInMemory) this.#evict();
  }

  /** Everything in memory, for the drain. */
  all(): IterableIterator<Mailbox> {
    return this.#all.values();
  }

  stop(): void {
    this.#stopSweep?.();
  }

  /** The size of a state is estimated anew only when its stream has grown by a part of it, so the estimate costs little however large the state. */
  #measure(mailbox: Mailbox): void {
    const { image } = mailbox;
    if (image === undefined || image.books.revision - mailbox.measuredAt < Math.max(8, mailbox.stateBytes >> 8)) return;
    let bytes = 512;
    try {
      bytes += plainSize(image.state, 'state');
    } catch {
      // A state that is not plain is legal until it is snapshot; its size is then only guessed.
      bytes += 4_096;
    }
    this.#stateBytes += bytes - mailbox.stateBytes;
    mailbox.stateBytes = bytes;
    mailbox.measuredAt = image.books.revision;
  }

  #evict(): void {
    let looked = 0;
    for (const [stream, mailbox] of this.#all) {
      looked += 1;
      if (looked > LOOK) return;
      if (mailbox.recent) {
        mailbox.recent = false;
        this.#all.delete(stream);
        this.#all.set(stream, mailbox);
      } else if (this.#drop(mailbox)) return;
    }
  }

  #drop(mailbox: Mailbox): boolean {
    const { stateBytes } = mailbox;
    if (!this.#passivate(mailbox)) return false;
    this.#stateBytes -= stateBytes;
    this.#all.delete(mailbox.stream);
    return true;
  }

  #scheduleSweep(): void {
    this.#stopSweep = this.#context.clock.after(SWEEP_MS, () => {
      const now = this.#context.clock.now();
      for (const mailbox of this.#all.values()) {
        if (now - mailbox.lastUsedMs >= passivateAfterMs(mailbox, this.#context.limits.passivateAfterMs)) this.#drop(mailbox);
      }
      this.#scheduleSweep();
    });
  }
}
