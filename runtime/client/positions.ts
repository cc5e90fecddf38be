import { readToken } from '../core/token.ts';

/**
 * The newest token per entity type (and store) that a client was given: what its reads wait for. Text that is no token is not remembered.
 */
export class Positions {
  readonly #newest = new Map<string, { readonly text: string; readonly position: number }>();

  /** Starts from tokens separated by commas. */
  constructor(tokens?: string) {
    this.learn(tokens ?? null);
  }

  /** Remembers tokens (separated by commas) that are newer than what is known. */
  learn(tokens: string | null): void {
    for (const part of tokens?.split(',') ?? []) {
      const text = part.trim();
      const token = readToken(text);
      if (token === undefined) continue;
      const of = JSON.stringify([token.storeId, token.type]);
      const known = this.#newest.get(of);
      if (known === undefined || token.position > known.position) this.#newest.set(of, { text, position: token.position });
    }
  }

  /** All of them as one text, undefined if there are none. */
  get text(): string | undefined {
    return this.#newest.size === 0 ? undefined : Array.from(this.#newest.values(), ({ text }) => text).join(',');
  }
}
