// Whole numbers of JSON beyond 2^53: `$tb` goes up to 2^63 - 1, and what stands beside it is written back as it was. Such a
// number becomes a string with a prefix on the way in and a number again on the way out.

const PREFIX = '\u0000int:';
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const MARKED = /"\\u0000int:(-?\d+)"/g;

/** Parses JSON; whole numbers of 16 digits and more come as marked strings that `wholeNumber` reads. Throws a SyntaxError. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text.replace(TOKENS, (token) => (token.startsWith('"') ? token : JSON.stringify(PREFIX + token))));
}

/** The text of what `parseExactly` gave, with bigints allowed; no digit is lost. */
export function stringifyExactly(value: unknown): string {
  const marked = JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? PREFIX + one : one));
  return marked.replace(MARKED, '$1');
}

/** A whole number of what `parseExactly` gave, or undefined if the value is none. */
export function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && value.startsWith(PREFIX) ? BigInt(value.slice(PREFIX.length)) : undefined;
}
