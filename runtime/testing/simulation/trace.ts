import { createHash } from 'node:crypto';

/**
 * What happened in a simulated world, line by line: one line a step and one a fact. Equal traces mean equal runs.
 */
export class Trace {
  readonly lines: string[] = [];

  /** Adds a fact. `fields` are plain data. */
  add(atMs: number, what: string, ...fields: readonly unknown[]): void {
    const rest = fields.map((field) => (typeof field === 'string' ? field : JSON.stringify(field))).join(' ');
    this.lines.push(rest === '' ? `${atMs} ${what}` : `${atMs} ${what} ${rest}`);
  }

  /** 16 hexadecimal digits over all lines. */
  hash(): string {
    const hash = createHash('sha256');
    for (const line of this.lines) hash.update(line).update('\n');
    return hash.digest('hex').slice(0, 16);
  }
}
