import { randomUUID } from 'node:crypto';
import { errorText, PerdureError } from '../../core/errors.ts';
import type { Revision } from '../../core/record.ts';
import type { Clock } from '../../ports/clock.ts';
import { NODE_STREAM } from './names.ts';
import type { Reads } from './reads.ts';
import { jsonEvent, type SystemAppends } from './system-appends.ts';

/**
 * The lease of the one node that works on a store without Kafka: a stream to which its holder appends at the revision that it knows.
 *
 * Invariants:
 * S1. Whoever appends at the last revision holds it; a holder that finds somebody else's event there has lost it, is told so, and never takes it back.
 * S2. It is taken over only when its stream has not changed for `expiresMs` of the taker's own clock: clocks of two machines are never compared.
 * S3. It keeps a second node from starting; that no two nodes change one entity is kept by the expected revision of every append.
 */
export interface LeaseOptions {
  readonly appends: SystemAppends;
  readonly reads: Reads;
  readonly clock: Clock;
  /** Who this is, for people. */
  readonly holder: string;
  readonly renewMs: number;
  readonly expiresMs: number;
  readonly notice: (message: string) => void;
}

interface Claim {
  readonly lease: string;
  readonly holder: string;
  readonly isReleased: boolean;
}
interface Seen extends Claim {
  readonly revision: Revision;
}

/** How often the stream is looked at while another's lease runs out, and how many of its events are kept. */
const LOOK_MS = 500;
const KEPT = 20;

export class Lease {
  readonly #options: LeaseOptions;
  readonly #id = randomUUID();
  #revision: Revision;
  #cancel: (() => void) | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #isOver = false;
  #lost: ((message: string) => void) | undefined;

  private constructor(options: LeaseOptions) {
    this.#options = options;
    this.#revision = -1;
  }

  /** Takes the lease, once nobody else has it. Throws `store-in-use` if its holder is alive, `store-failed`. */
  static async take(options: LeaseOptions): Promise<Lease> {
    const lease = new Lease(options);
    const seen = await lastOf(options.reads);
    const free = seen === undefined || seen.isReleased ? seen : await expired(options, seen);
    await lease.#claim(free?.revision ?? -1);
    lease.#schedule();
    return lease;
  }

  /** Calls back, once, when the lease is lost to another. */
  onLost(lost: (message: string) => void): void {
    this.#lost = lost;
  }

  /** Gives it back, so that the next node need not wait. */
  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel?.();
    await this.#renewing;
    await this.#append(this.#revision, true);
  }

  async #claim(revision: Revision): Promise<void> {
    const result = await this.#append(revision, false);
    if (result.kind === 'appended') this.#revision = result.revision;
    else if (result.kind === 'wrong-revision') await this.#found('store-in-use', 'another node was quicker');
    else await this.#found('store-failed', result.message);
    await this.#options.appends.setMetadata(NODE_STREAM, { $maxCount: KEPT });
  }

  /** An append of which nothing is known: what stands there tells. */
  async #found(code: 'store-in-use' | 'store-failed', why: string): Promise<void> {
    const seen = await lastOf(this.#options.reads);
    if (seen?.lease !== this.#id) throw new PerdureError(code, `the lease ${NODE_STREAM} could not be taken: ${why}`);
    this.#revision = seen.revision;
  }

  #append(revision: Revision, isReleased: boolean) {
    const claim: Claim = { lease: this.#id, holder: this.#options.holder, isReleased };
    return this.#options.appends.append(NODE_STREAM, revision, [claimEvent(claim)]);
  }

  #schedule(): void {
    if (this.#isOver) return;
    this.#cancel = this.#options.clock.after(this.#options.renewMs, () => {
      this.#renewing = this.#renew().catch((error: unknown) => {
        this.#options.notice(`the lease could not be renewed (${errorText(error)}); it is tried again`);
      });
      void this.#renewing.then(() => this.#schedule());
    });
  }

  async #renew(): Promise<void> {
    const { appends, reads } = this.#options;
    const result = await this.#append(this.#revision, false);
    if (result.kind === 'appended') this.#revision = result.revision;
    else {
      const seen = await lastOf(reads);
      // An answer that was lost: it is ours all the same.
      if (seen?.lease === this.#id) this.#revision = seen.revision;
      else if (seen !== undefined && seen.revision > this.#revision) this.#lose(seen);
    }
    if (this.#revision % KEPT === 0) await appends.setMetadata(NODE_STREAM, { $maxCount: KEPT });
  }

  #lose({ holder }: Seen): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lost?.(`${holder} has taken the lease ${NODE_STREAM}: this node was silent for too long, or was started a second time`);
  }
}

function claimEvent(claim: Claim) {
  return jsonEvent('perdure.lease', claim);
}

async function lastOf(reads: Reads): Promise<Seen | undefined> {
  const event = await reads.last(NODE_STREAM);
  if (event === undefined) return undefined;
  return { ...(event.data as Claim), revision: Number(event.revision) };
}

/** Waits until a lease has not been renewed for its time (S2), or is given back. Throws `store-in-use` as soon as it is renewed. */
async function expired({ reads, clock, expiresMs, notice }: LeaseOptions, seen: Seen): Promise<Seen | undefined> {
  notice(`${seen.holder} holds the lease of this store; waiting ${expiresMs} ms whether it is renewed`);
  const until = clock.now() + expiresMs;
  while (clock.now() < until) {
    await new Promise<void>((resolve) => clock.after(Math.min(LOOK_MS, expiresMs), resolve));
    const now = await lastOf(reads);
    if (now === undefined || now.isReleased) return now;
    if (now.revision !== seen.revision) {
      throw new PerdureError(
        'store-in-use',
        `${now.holder} works on this store (stream ${NODE_STREAM}): one node at a time, unless Kafka shares the work out`,
      );
    }
  }
  return seen;
}
