import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heapPop, heapPush } from '../../../runtime/core/heap.ts';

const before = (a: number, b: number) => a < b;

test('P1: however pushes and pops follow each other, the smallest comes out first', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }), { maxLength: 200 }), (steps) => {
      const heap: number[] = [];
      const model: number[] = [];
      for (const step of steps) {
        if (step !== undefined) {
          heapPush(heap, step, before);
          model.push(step);
          model.sort((a, b) => a - b);
        } else expect(heapPop(heap, before)).toBe(model.shift());
        expect(heap[0]).toBe(model[0]);
        expect(heap.length).toBe(model.length);
      }
    }),
  );
});

test('P1: a sorted array is a heap', () => {
  const heap = [1, 2, 3, 5, 8, 13];
  heapPush(heap, 4, before);
  expect([...Array(8)].map(() => heapPop(heap, before))).toEqual([1, 2, 3, 4, 5, 8, 13, undefined]);
});
