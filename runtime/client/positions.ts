/**
 * The newest token per entity type that a client was given: what its reads wait for. Tokens are opaque, but ordered: of two with the same text
 * before the last dot the longer one is newer, and of equally long ones the greater one.
 */
export class Positions {
  readonly #newest = new Map<string, string>();

  /** Starts from tokens separated by commas. */
  constructor(tokens?: string) {
    this.learn(tokens ?? null);
  }

  /** Remembers tokens (separated by commas) that are newer than what is known. */
  learn(tokens: string | null): void {
    for (const text of tokens?.split(',') ?? []) {
      const token = text.trim();
      const dot = token.lastIndexOf('.');
      if (dot <= 0) continue;
      const prefix = token.slice(0, dot);
      const known = this.#newest.get(prefix);
      if (known === undefined || token.length > known.length || (token.length === known.length && token > known))
        this.#newest.set(prefix, token);
    }
  }

  /** All of them as one text, undefined if there are none. */
  get text(): string | undefined {
    return this.#newest.size === 0 ? undefined : [...this.#newest.values()].join(',');
  }
}
