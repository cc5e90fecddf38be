import { type Random, randomFrom } from '../../core/random.ts';

/** Decisions drawn from a seed. Every consumer has dice of its own (`fork`), so that one more throw here changes nothing there. */
export class Dice {
  readonly #seed: string;
  readonly #random: Random;

  constructor(seed: string) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
  }

  /** Dice whose throws depend on this seed and `name` only. */
  fork(name: string): Dice {
    return new Dice(`${this.#seed}/${name}`);
  }

  /** 0 <= x < 1. */
  next(): number {
    return this.#random.next();
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return p > 0 && this.#random.next() < p;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#random.next() * (high - low + 1));
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const at = Math.floor(this.#random.next() * list.length);
    if (at >= list.length) throw new RangeError('nothing to pick from');
    return list[at] as T;
  }

  /** 22 characters of base64url, as a turn's id is. */
  id(): string {
    let text = '';
    while (text.length < 22) text += ALPHABET[this.#random.word() & 63];
    return text;
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
