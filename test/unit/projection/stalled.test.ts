import { expect, it } from 'vitest';
import { builtInProjections } from '../../../runtime/projection/definitions.ts';
import { World } from './world.ts';

const stalled = ['perdure:RunStalled', { resumes: 'segment', code: 'defect', message: 'Error: oops' }] as const;

it('stalled runs of all entities are listed until they are resumed, end, or their entity is forgotten', async () => {
  const world = new World();
  const { projections } = world.node(builtInProjections(['order', 'transfer']));
  await projections.start();
  const listed = async () => {
    await world.clock.advance(500);
    return (await projections.find('stalled', { index: 'byType', limit: 9 })).rows.map(({ key }) => key);
  };
  await world.append('order-1', [...stalled, { run: 'a' }], [...stalled, { run: 'b' }]);
  await world.append('transfer-9', [...stalled, { run: 'c' }]);
  expect(await listed()).toEqual(['order/1/a', 'order/1/b', 'transfer/9/c']);
  expect(await projections.get('stalled', 'order/1/a')).toEqual({
    ...{ type: 'order', id: '1', run: 'a', code: 'defect', message: 'Error: oops', since: world.clock.now() - 500 },
  });
  await world.append('order-1', ['perdure:RunResumed', { by: 'ann', why: '' }, { run: 'a' }]);
  await world.append('order-1', ['perdure:RunCompleted', { outcome: { kind: 'cancelled' } }, { run: 'b', signal: 'b' }]);
  expect(await listed()).toEqual(['transfer/9/c']);
  await world.append('transfer-9', ['perdure:Forgotten', { by: 'ann', why: '', marks: [] }]);
  expect(await listed()).toEqual([]);
});
