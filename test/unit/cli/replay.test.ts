import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Runtime, start } from 'perdure/host';
import { expect, test } from 'vitest';
import { resolveConfig } from '../../../runtime/config.ts';
import { Trip, tripProgram } from './programs/trip.ts';
import { perdure, programFile, scratch } from './shell.ts';

const NODE = { port: 0, host: '127.0.0.1', logLevel: 'silent' } as const;

/** A directory with a journey in flight, one of them queued; `more` adds to it. The node is stopped. */
async function journeys(more: (node: Runtime) => Promise<unknown> = async () => undefined, snapshotEvery = 200): Promise<string> {
  const dataDir = await scratch();
  const { limits } = resolveConfig({ env: {} });
  const node = await start(tripProgram('none'), { ...NODE, dataDir, limits: { ...limits, snapshotEvery } });
  try {
    await begin(node);
    await more(node);
  } finally {
    await node.stop();
  }
  return dataDir;
}

/** Two runs that sleep and one that is queued. */
async function begin({ client, url }: Runtime): Promise<void> {
  await client.signal(Trip('1').stay(), { id: 'first-stay' });
  await client.signal(Trip('1').stay(), { id: 'second-stay' });
  await client.signal(Trip('1').book({ amount: 7 }), { id: 'booking' });
  // What the activity led to is recorded when its run sleeps.
  await client.update(Trip('2').quick());
  await seen(url, 'booking', 'sleep');
}

/** Asks until a run waits in a certain way. */
async function seen(url: string, run: string, kind: string): Promise<void> {
  for (;;) {
    const view = (await (await fetch(`${url}/v1/entities/trip/1?consistency=strong`)).json()) as { owes: { kind: string; run?: string }[] };
    if (view.owes.some((owed) => owed.kind === kind && owed.run === run)) return;
  }
}

test('replay: code that does the same finds every run in flight in order, and exits with 0', async () => {
  const dataDir = await journeys();
  const { code, out, err } = await perdure(['replay', '--data-dir', dataDir, '--program', programFile('none')]);
  expect([code, out, err]).toEqual([0, ['checked 2 entities, 3 runs in flight: all replays'], '']);
});

test('replay: a run that parts from its record is told with both histories and where they part; exit code 1', async () => {
  const dataDir = await journeys();
  const { code, out } = await perdure(['replay', '--data-dir', dataDir, '--program', programFile('sleeps-first')]);
  expect(code).toBe(1);
  expect(out[0]).toMatch(/^✗ trip\/1: run booking of book \(open since \d{4}-.*Z\) does not replay$/);
  expect(out.slice(1)).toEqual([
    '  run booking of book: segment 1 does not come out as recorded: command 1 differs',
    '  segment 1, begun by: started',
    '         recorded     the code at hand',
    '  >   1  call charge  sleep',
    'checked 2 entities, 3 runs in flight: 1 break',
  ]);
});

test('replay: entities that cannot be folded any more, by a lost event or a broken reducer, with what they have in flight', async () => {
  const dataDir = await journeys();
  for (const [program, told] of [
    ['forgets-an-event', 'trip has no reducer for event Booked'],
    ['reducer-throws', 'trip: the reducer of Booked threw: Error: the reducer is broken'],
  ] as const) {
    const { code, out } = await perdure(['replay', '--data-dir', dataDir, '--program', programFile(program)]);
    expect([code, out]).toEqual([
      1,
      [
        '✗ trip/1 cannot be folded',
        `  ${told}; 3 of its runs are in flight`,
        '✗ trip/2 cannot be folded',
        `  ${told}`,
        'checked 2 entities, 3 runs in flight: 2 breaks',
      ],
    ]);
  }
});

test('replay: runs whose handler is gone, open or queued, and those of an entity that the program does not have', async () => {
  const dataDir = await journeys();
  const gone = await perdure(['replay', '--data-dir', dataDir, '--program', programFile('no-serial')]);
  expect(gone.code).toBe(1);
  expect(gone.out.filter((line) => line.startsWith('✗'))).toEqual([
    expect.stringMatching(/run first-stay of stay \(open since .*\) does not replay/),
    expect.stringMatching(/run second-stay of stay \(queued since .*\) cannot start/),
  ]);
  expect(gone.out.join('\n')).toContain("trip has no durable handler for 'stay'");
  const stranger = await perdure(['replay', '--data-dir', dataDir, '--program', programFile('stranger')]);
  expect([stranger.code, stranger.out]).toEqual([
    1,
    [
      '✗ trip/1 is unknown',
      "  the program has no entity 'trip'; runs in flight: 3",
      'checked 0 entities, 0 runs in flight, 2 of type trip, which the program does not have: 1 break',
    ],
  ]);
});

test('replay: a run that had stalled is told and no break; its stalled segment is left to the retry', async () => {
  const dataDir = await journeys(async ({ client }) => {
    await expect(client.update(Trip('3').crash(), { id: 'crashing' })).rejects.toMatchObject({ code: 'run-stalled' });
  });
  const { code, out } = await perdure(['replay', '--data-dir', dataDir, '--program', programFile('none')]);
  expect(code).toBe(0);
  expect(out).toEqual([
    expect.stringMatching(/^- trip\/3: run crashing of crash \(stalled since .*\) had stalled; what it did before replays/),
    expect.stringMatching(/^ {2}defect: .*not finished yet/),
    'checked 3 entities, 4 runs in flight: all replays',
  ]);
});

test('replay: a snapshot whose states older reducers made, though nobody raised its version, is what a node would begin with', async () => {
  const replay = async (dataDir: string) => await perdure(['replay', '--data-dir', dataDir, '--program', programFile('reads-a-new-field')]);
  expect((await replay(await journeys())).code).toBe(0);
  const { code, out } = await replay(await journeys(undefined, 1));
  expect(code).toBe(1);
  expect(out[0]).toMatch(/run booking of book \(open since .*\) does not replay/);
  expect(out[1]).toMatch(/command 1 differs; so it is only with the snapshot, .*: raise options\.stateVersion$/);
  expect(out.slice(4)).toEqual([
    '  >   1  emit Booked  sleep',
    '      2  sleep        (nothing)',
    'checked 2 entities, 3 runs in flight: 1 break',
  ]);
});

test('replay --all: runs that have ended are executed once more too', async () => {
  const dataDir = await journeys();
  const same = await perdure(['replay', '--all', '--data-dir', dataDir, '--program', programFile('none')]);
  expect([same.code, same.out]).toEqual([0, ['checked 2 entities, 3 runs in flight, 1 ended run: all replays']]);
  const other = ['replay', '--data-dir', dataDir, '--program', programFile('quick-ends-otherwise')];
  expect((await perdure(other)).code).toBe(0);
  const all = await perdure([...other, '--all']);
  expect(all.code).toBe(1);
  expect(all.out.join('\n')).toMatch(/run \S+ of quick \(ended since .*\) does not replay\n(.*\n)*.*emit Booked {2}\(nothing\)/);
});

test('export and replay --file: a store, only what is in flight, and one type; read back it is judged as the store is', async () => {
  const dataDir = await journeys();
  const directory = await scratch();
  const exported = async (name: string, ...args: string[]) => {
    const { code, out, err } = await perdure(['export', '--data-dir', dataDir, ...args]);
    expect([code, err]).toEqual([0, '']);
    await writeFile(join(directory, name), `${out.join('\n')}\n`);
    return {
      file: join(directory, name),
      streams: new Set(out.slice(1, -1).map((line) => (JSON.parse(line) as { stream: string }).stream)),
    };
  };
  const all = await exported('all');
  expect(all.streams).toEqual(new Set(['trip-1', 'trip-2']));
  const inFlight = await exported('in-flight', '--runs-in-flight');
  expect(inFlight.streams).toEqual(new Set(['trip-1']));
  expect((await exported('none', '--type', 'other')).streams).toEqual(new Set());
  expect((await exported('both', '--type', 'other', '--type', 'trip')).streams).toEqual(all.streams);

  for (const program of ['none', 'sleeps-first', 'reducer-throws']) {
    const args = ['--program', programFile(program)];
    expect(await perdure(['replay', '--file', all.file, ...args])).toEqual(await perdure(['replay', '--data-dir', dataDir, ...args]));
  }
  const { code, out } = await perdure(['replay', '--file', inFlight.file, '--program', programFile('none')]);
  expect([code, out]).toEqual([0, ['checked 1 entity, 3 runs in flight: all replays']]);
});

test('export --url: a running node tells the same streams that its store holds, without their positions', async () => {
  const dataDir = await scratch();
  const node = await start(tripProgram('none'), { ...NODE, dataDir });
  await begin(node);
  const { runs } = (await (await fetch(`${node.url}/v1/entities/trip/1`)).json()) as { runs: unknown[] };
  const rows = await fetch(`${node.url}/v1/projections/entity.trip`, {
    headers: { 'perdure-position': node.client.position?.split(',')[0] ?? '' },
  });
  expect([runs.length, rows.status]).toEqual([3, 200]);
  const [told, inFlight] = [await perdure(['export', '--url', node.url]), await perdure(['export', '--url', node.url, '--runs-in-flight'])];
  const refused = await perdure(['export', '--data-dir', dataDir]);
  await node.stop();
  const stored = await perdure(['export', '--data-dir', dataDir]);
  const turns = ({ out }: { readonly out: readonly string[] }) => out.slice(1).map((line) => ({ ...JSON.parse(line), position: -1 }));
  expect([told.code, told.err]).toEqual([0, '']);
  expect(turns(told)).toEqual(turns(stored));
  expect(new Set(turns(inFlight).map(({ stream }) => stream as unknown))).toEqual(new Set(['trip-1', undefined]));
  expect([refused.code, refused.err]).toEqual([
    2,
    expect.stringContaining('is in use by another process. Stop it, or let it tell: perdure export --url'),
  ]);
});

test('wrong usage, a store that is not there and a file that is none exit with 2 and say so', async () => {
  const directory = await scratch();
  const program = ['--program', programFile('none')];
  await writeFile(join(directory, 'text'), 'hello\n');
  const cases: readonly [readonly string[], RegExp][] = [
    [['replay', '--wrong'], /unknown option '--wrong'/],
    [['replay', '--file', 'x', '--data-dir', 'y'], /cannot be used with/],
    [['replay', '--data-dir', join(directory, 'no'), ...program], /there is no store in .*no: .*store\.json cannot be read/],
    [['replay', '--file', join(directory, 'no'), ...program], /no cannot be read: Error: ENOENT/],
    [['replay', '--file', directory, ...program], /cannot be read: Error: EISDIR/],
    [['replay', '--file', join(directory, 'text'), ...program], /line 1 of the export is no JSON/],
    [['replay', '--program', join(directory, 'no')], /there is no program at/],
    [['export', '--type', 'a-b'], /it is no entity type/],
    [['export', '--url', 'x', '--data-dir', 'y'], /cannot be used with/],
    [['export', '--data-dir', join(directory, 'no')], /there is no store in/],
  ];
  for (const [args, told] of cases) {
    const { code, err } = await perdure(args);
    expect([args, code, err]).toEqual([args, 2, expect.stringMatching(told)]);
  }
  expect((await perdure(['replay', '--help'])).code).toBe(0);
});

test('an export that is read no further ends with 2 and says nothing; any other failure of the output is told', async () => {
  const dataDir = await journeys();
  for (const [code, told] of [
    ['EPIPE', ''],
    ['ENOSPC', 'the output failed'],
  ] as const) {
    const failing = () => Promise.reject(Object.assign(new Error('the output failed'), { code }));
    const { code: exit, err } = await perdure(['export', '--data-dir', dataDir], {}, { pour: failing });
    expect([exit, err]).toEqual([2, told === '' ? '' : expect.stringContaining(told)]);
  }
  expect((await perdure(['export', '--data-dir', dataDir])).code).toBe(0); // the store was closed again
});
