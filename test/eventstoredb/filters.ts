import type { LogRecord } from './record.ts';

/** A filter of `$all`: on the stream's name or the event's type, by a regular expression or else by any of some prefixes. */
export interface FilterOptions {
  readonly on: 'stream' | 'type';
  readonly regex: string;
  readonly prefixes: readonly string[];
  /** Records that one page considers at most; absent: 32. */
  readonly window: number;
  /** A checkpoint comes every `multiplier` windows. */
  readonly multiplier: number;
}

export const DEFAULT_WINDOW = 32;

/** The test of a filter, on the raw record: a link is not resolved for it. */
export function testOf({ on, regex, prefixes }: FilterOptions): (record: LogRecord) => boolean {
  if (regex !== '') {
    const expression = new RegExp(regex);
    return (record) => expression.test(record[on]);
  }
  return (record) => prefixes.some((prefix) => record[on].startsWith(prefix));
}
