import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pack } from 'msgpackr';
import { closedLoop, type Load, type Sink, touchAll } from '../lib/closed-loop.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { type Booking, decide, decoded, EMPTY, fold, type Ledger, payloads } from './work.ts';

/**
 * The naive reference loop, as one writes it in an hour: decode, handler, one msgpackr event, a group-committed append-only file with fdatasync, and a
 * promise for whoever waits. The file is preallocated and begun again at its end, so that the disk does not fill up.
 */
const PREALLOCATED = 256 * 1024 * 1024;

interface Waiting {
  readonly record: Uint8Array;
  readonly durable: () => void;
  readonly failed: (error: unknown) => void;
}

class Naive implements Sink {
  done: (slot: number) => void = () => undefined;
  readonly #states = new Map<string, { ledger: Ledger; revision: number }>();
  readonly #file: FileHandle;
  #waiting: Waiting[] = [];
  #writing = false;
  #at = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  submit(key: number, bytes: Buffer, slot: number): void {
    void this.#handle(`ledger-${key}`, bytes).then(() => this.done(slot));
  }

  async #handle(id: string, bytes: Buffer): Promise<void> {
    const held = this.#states.get(id) ?? { ledger: EMPTY, revision: -1 };
    this.#states.set(id, held);
    const event = decide(held.ledger, decoded(bytes) as Booking);
    held.ledger = fold(held.ledger, event);
    held.revision += 1;
    await this.#append(pack({ id, revision: held.revision, time: Date.now(), type: 'Booked', event }));
  }

  #append(record: Uint8Array): Promise<void> {
    return new Promise((durable, failed) => {
      this.#waiting.push({ record, durable, failed });
      if (!this.#writing) void this.#commit();
    });
  }

  /** Everything that waits is one write and one fdatasync, then the next. */
  async #commit(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const length = (record: Uint8Array) => {
        const bytes = Buffer.allocUnsafe(4);
        bytes.writeUInt32LE(record.length);
        return bytes;
      };
      const block = Buffer.concat(group.flatMap(({ record }) => [length(record), record]));
      if (this.#at + block.length > PREALLOCATED) this.#at = 0;
      try {
        await this.#file.write(block, 0, block.length, this.#at);
        await this.#file.datasync();
      } catch (error) {
        for (const { failed } of group) failed(error);
        continue;
      }
      this.#at += block.length;
      for (const { durable } of group) durable();
    }
    this.#writing = false;
  }
}

const [directory = '.'] = process.argv.slice(2);
const file = await open(join(directory, 'log'), 'w');
const zeros = Buffer.alloc(1024 * 1024);
for (let at = 0; at < PREALLOCATED; at += zeros.length) await file.write(zeros, 0, zeros.length, at);
await file.datasync();
const naive = new Naive(file);
const messages = payloads(1_024);
serveAsPeer<Load | { readonly touch: number }>(
  (request) => ('touch' in request ? touchAll(naive, messages, request.touch, 1_000) : closedLoop(naive, messages, request)),
  () => file.close(),
);
