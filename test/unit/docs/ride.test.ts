import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { bill, Ride, ride } from '../../docs/ride.ts';

let world: TestRuntime;
afterEach(() => world.stop());

test('a ride is billed once, by the minute, though the node crashes on the way', async () => {
  const bills: number[] = [];
  world = await testRuntime({ entities: [ride], activities: [bill.implement(({ minutes }) => void bills.push(minutes))] });
  const sent = await world.signal(Ride('r-1').start({ bike: 'b-7', customer: 'ann' }));
  await world.advance('12 minutes');
  await world.crash();
  await world.signal(Ride('r-1').end());
  expect(await world.outcome(sent)).toEqual({ minutes: 12, paid: true });
  expect(bills).toEqual([12]);
});

test('a ride that nobody ends is a day long, which takes a test no time', async () => {
  const declining = bill.implement(() => {
    throw bill.reject('declined');
  });
  world = await testRuntime({ entities: [ride], activities: [declining] });
  expect(await world.update(Ride('r-2').start({ bike: 'b-7', customer: 'bo' }))).toEqual({ minutes: 1440, paid: false });
});
