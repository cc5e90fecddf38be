import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlockBuilder } from '../../../runtime/adapters/embedded/block-builder.ts';
import { blankFrame, checkFrame, frameInfo, readTurn } from '../../../runtime/adapters/embedded/frame.ts';
import type { Commit } from '../../../runtime/core/record.ts';

const SALT = 0xdeadbeef;
/** What survives JSON, like all payloads: no -0, no `__proto__`. */
const plain = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !JSON.stringify(value).includes('__proto__'))
  .map((value): unknown => JSON.parse(JSON.stringify(value)));
const meta = fc.record(
  {
    signal: fc.string(),
    name: fc.string(),
    mark: fc.record({ source: fc.string(), position: fc.maxSafeNat(), index: fc.nat() }),
    run: fc.string(),
    version: fc.nat(),
    res: plain,
    baggage: fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.string()),
  },
  { requiredKeys: [] },
);
const record = fc.record({
  type: fc.string({ minLength: 1 }),
  data: fc.oneof(plain, fc.array(fc.integer()), fc.string({ unit: 'grapheme' })),
  meta,
});
const commits = fc.array(
  fc.record({
    stream: fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
    expectedRevision: fc.nat(),
    turnId: fc.base64String({ minLength: 20, maxLength: 24 }),
    time: fc.maxSafeNat(),
    records: fc.array(record, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 5 },
);

function build(all: readonly Commit[], base: number): { readonly bytes: Buffer; readonly positions: readonly number[] } {
  const builder = new BlockBuilder(SALT);
  builder.start(base, 1 << 20);
  const positions = all.map((commit) => builder.add(commit, -1));
  return { bytes: Buffer.from(builder.seal(base)), positions };
}

test('F2, C1: what is encoded comes back, at any place of the log', () => {
  fc.assert(
    fc.property(commits, fc.nat({ max: 2 ** 30 }), (all, place) => {
      const base = place * 8192;
      const { bytes, positions } = build(all, base);
      for (const [index, commit] of all.entries()) {
        const position = positions[index] ?? -1;
        const extent = { start: base, bytes };
        expect(checkFrame(extent, position, SALT)?.kind).toBe('valid');
        const { expectedRevision, ...rest } = commit;
        expect(readTurn(extent, frameInfo(extent, position), 0)).toEqual({ ...rest, position, firstRevision: expectedRevision + 1 });
      }
    }),
    { numRuns: 200 },
  );
});

test('F2: a frame with any bit turned, in another place or of another store is not valid', () => {
  const commit = {
    stream: 'cart-1',
    expectedRevision: -1,
    turnId: 't'.repeat(22),
    time: 1,
    records: [{ type: 'A', data: { x: 1 }, meta: {} }],
  };
  const { bytes, positions } = build([commit], 4096);
  const [position = 0] = positions;
  for (let bit = (position - 4096) * 8; bit < bytes.length * 8; bit++) {
    const turned = Buffer.from(bytes);
    turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(checkFrame({ start: 4096, bytes: turned }, position, SALT)?.kind).not.toBe('valid');
  }
  expect(checkFrame({ start: 4104, bytes }, position + 8, SALT)?.kind).not.toBe('valid');
  expect(checkFrame({ start: 4096 + 2 ** 32, bytes }, position + 2 ** 32, SALT)?.kind).not.toBe('valid');
  expect(checkFrame({ start: 4096, bytes }, position, SALT + 1)?.kind).not.toBe('valid');
});

test('O3: a blanked frame keeps its length and place and loses exactly the blanked records', () => {
  fc.assert(
    fc.property(commits, fc.nat({ max: 5 }), ([commit], wanted) => {
      if (commit === undefined) return;
      const { bytes, positions } = build([commit], 0);
      const [position = 0] = positions;
      const extent = { start: 0, bytes };
      const count = Math.min(wanted, commit.records.length);
      const blanked = blankFrame(extent, frameInfo(extent, position), count, SALT);
      const after = { start: position, bytes: blanked };
      expect(checkFrame(after, position, SALT)).toEqual({ kind: 'valid', length: bytes.length - position });
      const info = frameInfo(after, position);
      expect(info.blanked).toBe(count);
      expect(readTurn(after, info, 0)?.records ?? []).toEqual(commit.records.slice(count));
    }),
    { numRuns: 100 },
  );
});
