import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Positions } from '../../../runtime/client/positions.ts';
import { readToken, TokenWriter } from '../../../runtime/core/token.ts';

test('of the tokens of a type the newest is kept, whatever the order they come in', () => {
  const tokens = new TokenWriter('store-1');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('cart', 'account'), fc.maxSafeNat()), { minLength: 1 }), (changes) => {
      const positions = new Positions();
      for (const [type, position] of changes) positions.learn(tokens.write(type, position));
      const newest = new Map<string, number>();
      for (const [type, position] of changes) newest.set(type, Math.max(position, newest.get(type) ?? 0));
      const kept = (positions.text ?? '').split(',').map(readToken);
      expect(new Map(kept.map((token) => [token?.type, token?.position]))).toEqual(newest);
    }),
  );
});

test('text that is no token is not remembered', () => {
  expect(new Positions('').text).toBeUndefined();
  expect(new Positions('nonsense, .1, a.b.c, eyJ9.1').text).toBeUndefined();
});
