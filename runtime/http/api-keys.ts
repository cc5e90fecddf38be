import { hash, timingSafeEqual } from 'node:crypto';

/**
 * API keys as `authorization: Bearer {key}`. Digests of equal length are compared, and all of them, so that neither a key's length nor its
 * beginning can be measured.
 */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** Without keys everything is open. */
  get isOpen(): boolean {
    return this.#digests.length === 0;
  }

  /** Does an `authorization` header carry one of the keys? */
  allows(authorization: string | undefined): boolean {
    const match = /^bearer +(\S+) *$/i.exec(authorization ?? '');
    const given = digest(match?.[1] ?? '');
    let found = false;
    for (const known of this.#digests) found = timingSafeEqual(known, given) || found;
    return found && match !== null;
  }
}

function digest(key: string): Buffer {
  return Buffer.from(hash('sha256', key), 'hex');
}
