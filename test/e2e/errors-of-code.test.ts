import { fileURLToPath } from 'node:url';
import { entity, signal } from 'perdure';
import { connect } from 'perdure/client';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { get, post } from '../tools/http.ts';
import { scratchDir, testNode } from './scratch.ts';

const program = fileURLToPath(new URL('programs/clumsy.mjs', import.meta.url));

/** What is wrong with each handler of the program: the code that its run stalls with, and what the message says. */
const STALLS: readonly (readonly [name: string, code: string, says: RegExp])[] = [
  ['activityMissing', 'unknown-activity', /no activity 'scan' is registered on this node: add it to the program's activities/],
  ['activityInputLarge', 'payload-too-large', /input of activity echo has about 300010 bytes, the limit is 262144.*echo\.text/],
  ['activityInputWrong', 'invalid-payload', /the input of activity echo: text: .*expected string, received number/],
  ['activityOptionWrong', 'defect', /activity echo has no option 'timeOut' \(it has retry, timeout, deadline, heartbeat\)/],
  ['defect', 'defect', /TypeError: nobody thought of this/],
  ['foreignPromise', 'determinism', /awaits something that is not the runtime's.*use run\.sleep, run\.callback or an activity/],
  ['timer', 'determinism', /setTimeout inside a handler.*use .*run\.sleep/],
  ['request', 'determinism', /fetch inside a handler.*use an activity/],
  ['file', 'determinism', /fs\.promises\.readFile inside a handler.*use an activity/],
  ['rejectionNotPlain', 'payload-not-plain', /details of the rejection no\.asked\.at is an instance of Date/],
  ['resultWrong', 'result-invalid', /the result does not fit its schema: Invalid input: expected string, received object/],
  ['resultLarge', 'turn-too-large', /result is larger than a turn may be/],
  ['segmentLarge', 'turn-too-large', /a segment of run segmentLarge would write about \d+ bytes, a turn may hold 524288/],
  ['predicateThrows', 'defect', /until: RangeError: cannot tell/],
  ['compensationFails', 'compensation-failed', /a compensation failed for good \(too-late, said by undo\)/],
  ['manyCalls', 'too-many-calls', /the run waits for \d+ things at once; bound it, with map say/],
];
/** What is tried again until it fits, so that nobody has to let it go on: what its last failure says. */
const RETRIED: readonly (readonly [name: string, says: RegExp])[] = [
  ['activityResultLarge', /result of activity swell has about 300002 bytes, the limit is 262144/],
  ['progressLarge', /progress of activity boast has about 300010 bytes, the limit is 262144; .*boast\.page/],
];

test('each mistake in a durable handler stalls its run alone, says what is wrong and what to do, and is healed by corrected code', {
  timeout: 90_000,
}, async () => {
  const dataDir = await scratchDir();
  const flawed = await testNode({ dataDir, program, env: { FLAWED: '1' } });
  const at = (name: string) => `${flawed.url}/v1/entities/clumsy/${name}`;
  for (const [name, code, says] of STALLS) {
    const answer = await post(`${at(name)}/updates/${name}`, {}, { key: name });
    const problem = { code: 'run-stalled', help: expect.stringContaining('retry the run'), details: { run: name, code } };
    expect(answer, name).toMatchObject({ status: 500, body: { ...problem, detail: expect.stringMatching(says) } });
    const stalled = [{ signalId: name, status: 'stalled', problem: { code, message: expect.stringMatching(says) } }];
    expect((await get(at(name))).body, name).toMatchObject({ runs: stalled, parked: null });
    expect((await get(`${at(name)}/runs/${name}`)).body, name).toMatchObject(stalled[0] ?? {});
    expect(await post(`${at(name)}/updates/ping`, {}), `${name}: the entity goes on`).toMatchObject({
      status: 200,
      body: { result: 'pong' },
    });
  }
  for (const [name, says] of RETRIED) {
    await post(`${at(name)}/signals/${name}`, {}, { key: name });
    const failing = { kind: 'activity', lastFailure: { code: 'payload-too-large', message: expect.stringMatching(says) } };
    await vi.waitFor(async () => expect((await get(at(name))).body, name).toMatchObject({ owes: [failing] }), 10_000);
  }
  for (const [name] of STALLS) expect(flawed.output(), `the log names the run of ${name}`).toMatch(logged(name));
  expect((await flawed.stop()).code).toBe(0);

  const corrected = await testNode({ dataDir, program });
  for (const [name] of STALLS) {
    const entity = `${corrected.url}/v1/entities/clumsy/${name}`;
    expect((await get(entity)).body, `${name}: a restart alone changes nothing`).toMatchObject({ runs: [{ status: 'stalled' }] });
    expect((await post(`${entity}/admin/retry`, { by: 'ops', why: 'corrected' })).status, name).toBe(200);
  }
  for (const [name] of [...STALLS, ...RETRIED]) {
    const joined = await post(`${corrected.url}/v1/entities/clumsy/${name}/updates/${name}`, {}, { key: name });
    expect(joined, name).toMatchObject({ status: 200, body: { result: 'done' } });
  }
});

/** The line of a run that stalled. */
function logged(name: string): RegExp {
  return new RegExp(`"type":"clumsy","id":"${name}","run":"${name}"[^\\n]*"msg":"run-stalled"`);
}

test('what goes wrong and stalls nothing is in the log with its place: a call that nobody awaited, a rejection that nobody took', async () => {
  const node = await testNode({ dataDir: await scratchDir(), program, env: { FLAWED: '1' } });
  for (const name of ['callAbandoned', 'rejectionUnhandled']) {
    const answer = await post(`${node.url}/v1/entities/clumsy/a/updates/${name}`, {}, { key: name });
    expect(answer, name).toMatchObject({ status: 200, body: { result: 'done' } });
  }
  expect(node.output()).toMatch(/"type":"clumsy","id":"a","run":"callAbandoned","call":2,"name":"echo"[^\n]*"msg":"call-abandoned"/);
  expect(node.output()).toMatch(/"run":"rejectionUnhandled"[^\n]*nobody takes this[^\n]*"msg":"rejection-unhandled"/);
  expect((await get(`${node.url}/healthz`)).status).toBe(200);
});

test('a client is thrown the code of the table, with the run to retry', async () => {
  const Clumsy = entity('clumsy', { defect: signal({ output: z.string() }) });
  const node = await testNode({ dataDir: await scratchDir(), program, env: { FLAWED: '1' } });
  const client = connect({ url: node.url });
  const thrown = { code: 'run-stalled', message: expect.stringContaining('nobody thought of this'), details: { run: 'd', code: 'defect' } };
  await expect(client.update(Clumsy('c').defect(), { id: 'd' })).rejects.toMatchObject(thrown);
});
