import { closeSync, constants, ftruncateSync, openSync, write, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import { closedLoop, type Load, type Sink, touchAll } from '../lib/closed-loop.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { type Booking, decide, decoded, EMPTY, fold, type Ledger, payloads } from './work.ts';

/**
 * What the machine gives: the same loop with everything that a program without promises can do without. Shared structures, two buffers in turn, a write and
 * its sync as one call on the thread pool (O_DSYNC), no promise and no object per signal.
 */
const PREALLOCATED = 256 * 1024 * 1024;
const BUFFER_BYTES = 8 * 1024 * 1024;

class Tuned implements Sink {
  done: (slot: number) => void = () => undefined;
  readonly #states = new Map<string, { ledger: Ledger; revision: number }>();
  readonly #packr: Packr;
  readonly #fd: number;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #spare = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  #waiting: number[] = [];
  #answering: number[] = [];
  #writing = false;
  #scheduled = false;
  #at = 0;

  constructor(directory: string) {
    // Shared structures are what makes msgpackr fast; they are kept beside the file, or nobody could read it.
    const shared = join(directory, 'structures.json');
    this.#packr = new Packr({ structures: [], saveStructures: (structures) => writeFileSync(shared, JSON.stringify(structures)) });
    this.#fd = openSync(join(directory, 'log'), constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC, 0o600);
    const zeros = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < PREALLOCATED; at += zeros.length) writeSync(this.#fd, zeros, 0, zeros.length, at);
  }

  submit(key: number, bytes: Buffer, slot: number): void {
    const id = `ledger-${key}`;
    const booking = decoded(bytes) as Booking;
    let held = this.#states.get(id);
    if (held === undefined) {
      held = { ledger: EMPTY, revision: -1 };
      this.#states.set(id, held);
    }
    const event = decide(held.ledger, booking);
    held.ledger = fold(held.ledger, event);
    held.revision += 1;
    this.#append(this.#packr.pack({ id, revision: held.revision, time: Date.now(), type: 'Booked', event }));
    this.#waiting.push(slot);
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #append(record: Uint8Array): void {
    this.#buffer.writeUInt32LE(record.length, this.#used);
    this.#buffer.set(record, this.#used + 4);
    this.#used += 4 + record.length;
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#used === 0) return;
    this.#writing = true;
    const { length, buffer } = { length: this.#used, buffer: this.#buffer };
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    [this.#answering, this.#waiting] = [this.#waiting, this.#answering];
    this.#used = 0;
    // The file is a ring: what is measured is writing into place that is there, and the disk does not fill up.
    if (this.#at + length > PREALLOCATED) this.#at = 0;
    write(this.#fd, buffer, 0, length, this.#at, (error, written) => {
      if (error !== null || written !== length) throw error ?? new Error(`wrote ${written} of ${length} bytes`);
      this.#at += length;
      this.#writing = false;
      const answering = this.#answering;
      for (const slot of answering) this.done(slot);
      answering.length = 0;
      if (this.#used > 0) this.#flush();
    });
  }

  close(): void {
    ftruncateSync(this.#fd, 0);
    closeSync(this.#fd);
  }
}

const [directory = '.'] = process.argv.slice(2);
const tuned = new Tuned(directory);
const messages = payloads(1_024);
serveAsPeer<Load | { readonly touch: number }>(
  (request) => ('touch' in request ? touchAll(tuned, messages, request.touch, 1_000) : closedLoop(tuned, messages, request)),
  async () => tuned.close(),
);
