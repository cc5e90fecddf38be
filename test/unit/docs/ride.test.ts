import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { bill, Ride, ride, unlock } from '../../docs/ride.ts';

let world: TestRuntime;
afterEach(() => world.stop());

test('a ride is billed once, by the minute, whatever crashes', async () => {
  const bills: number[] = [];
  const doubles = [unlock.implement(() => {}), bill.implement(({ minutes }) => void bills.push(minutes))];
  world = await testRuntime({ entities: [ride], activities: doubles });
  const sent = await world.signal(Ride('r-1').start({ bike: 'b-7', customer: 'ann' }));
  await world.advance('12 minutes');
  await world.crash();
  await world.signal(Ride('r-1').end());
  expect(await world.outcome(sent)).toEqual({ minutes: 12 });
  expect(bills).toEqual([12]);
});

test('whoever forgets to end a ride pays for a day, which takes a test no time', async () => {
  world = await testRuntime({ entities: [ride], activities: [unlock.implement(() => {}), bill.implement(() => {})] });
  expect(await world.update(Ride('r-2').start({ bike: 'b-7', customer: 'ann' }))).toEqual({ minutes: 1440 });
});

test('a bike that does not open is nobody’s ride', async () => {
  const broken = unlock.implement(() => {
    throw unlock.reject('out-of-order');
  });
  world = await testRuntime({ entities: [ride], activities: [broken, bill.implement(() => {})] });
  const refused = world.update(Ride('r-3').start({ bike: 'b-8', customer: 'ann' }));
  await expect(refused).rejects.toMatchObject({ code: 'out-of-order', by: 'unlock' });
  expect(world.state(ride, 'r-3')).toEqual({ status: 'new' });
});
