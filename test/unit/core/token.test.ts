import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readToken, TokenWriter } from '../../../runtime/core/token.ts';

test('a token reads back to what it was made of, whatever the names, and is fit for a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }), fc.maxSafeNat(), (storeId, type, position) => {
      const text = new TokenWriter(storeId).write(type, position);
      expect(text).toMatch(/^[A-Za-z0-9_-]+\.[0-9a-z]+$/);
      expect(readToken(text)).toEqual({ storeId, type, position });
    }),
  );
});

test.each(['', '.', 'a', 'WyJzIiwidCJd', 'WyJzIiwidCJd.', 'WyJzIiwidCJd.01', 'WyJzIiwidCJd.zzzzzzzzzzz', 'WyJzIl0.1', 'A.1', 'eyJ9.1'])(
  '%j is no token',
  (text) => {
    expect(readToken(text)).toBeUndefined();
  },
);

test('the form of a token is fixed', () => {
  expect(new TokenWriter('s').write('t', 71)).toBe('WyJzIiwidCJd.1z');
});
