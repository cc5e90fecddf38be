import { valueStream } from './names.ts';
import type { Reads } from './reads.ts';
import { bytesEvent, type SystemAppends } from './system-appends.ts';

/** How often the server is told to keep one event only, in events. */
const TELL_EVERY = 64;

/** Small values of the runtime: the last event of a stream each. */
export class Values {
  readonly #appends: SystemAppends;
  readonly #reads: Reads;

  constructor(appends: SystemAppends, reads: Reads) {
    this.#appends = appends;
    this.#reads = reads;
  }

  /** Undefined if it was never put. Throws `store-failed`. */
  async get(key: string): Promise<Uint8Array | undefined> {
    const data = (await this.#reads.last(valueStream(key)))?.data;
    return data instanceof Uint8Array ? Uint8Array.prototype.slice.call(data) : undefined;
  }

  /** Throws `store-failed`. */
  async put(key: string, value: Uint8Array): Promise<void> {
    const stream = valueStream(key);
    const revision = await this.#appends.add(stream, [bytesEvent('perdure.value', value.slice())]);
    if (revision % TELL_EVERY === 0) await this.#appends.setMetadata(stream, { $maxCount: 1 });
  }
}
