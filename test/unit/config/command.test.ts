import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type CommandIo, perdureCommand } from '../../../runtime/cli/command.ts';
import type { Program } from '../../../runtime/cli/program.ts';
import { reportError } from '../../../runtime/cli/report.ts';
import type { ResolvedConfig } from '../../../runtime/config.ts';
import { SETTINGS } from '../../../runtime/config.ts';
import { PerdureError } from '../../../runtime/core/errors.ts';

const directories: string[] = [];
afterEach(async () => {
  await Promise.all(directories.splice(0).map((path) => rm(path, { recursive: true })));
});

async function programFile(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'perdure-'));
  directories.push(directory);
  const file = join(directory, 'program.mjs');
  await writeFile(file, text);
  return file;
}

const unasked = () => Promise.reject(new Error('nobody asked for it'));

/** The command with everything around it recorded; `stop` is what a signal does. */
function command(env: Record<string, string> = {}, stops: () => Promise<void> = async () => {}) {
  const seen = {
    out: [] as string[],
    err: [] as string[],
    exits: [] as number[],
    started: [] as { program: Program; config: ResolvedConfig }[],
    stops: 0,
  };
  let stop: (signal: string) => void = () => {};
  let wake: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const io: CommandIo = {
    env,
    cwd: tmpdir(),
    print: (line) => seen.out.push(line),
    warn: (line) => seen.err.push(line),
    exit: (code) => seen.exits.push(code),
    onStop: (callback) => {
      stop = callback;
    },
    pour: unasked,
    openStoreForReading: unasked,
    renewStore: unasked,
    streamChecks: () => {
      throw new Error('no check was asked for');
    },
    start: async (program, config) => {
      seen.started.push({ program, config });
      wake();
      return {
        lost: new Promise(() => undefined),
        stop: () => {
          seen.stops += 1;
          return stops();
        },
      };
    },
  };
  const run = async (...args: string[]) => {
    try {
      await perdureCommand(io).parseAsync(['node', 'perdure', ...args]);
    } catch (error) {
      seen.exits.push(reportError(error, io.warn));
    }
  };
  return { seen, run, started, stop: (signal: string) => stop(signal) };
}

test('start: program, flags, variables and the config export reach the composition root; a signal drains and exits with 0', async () => {
  const file = await programFile('export default { entities: [], projections: [] }; export const config = { partitions: 4, port: 1 };');
  const { seen, run, started, stop } = command({ PERDURE_DRAIN: '3s' });
  const running = run('start', '--program', file, '--port', '0', '--limit-max-held', '5', '--data-dir', '/tmp/x');
  await started;
  stop('SIGTERM');
  stop('SIGTERM');
  stop('SIGINT');
  await running;
  expect(seen.started[0]?.program).toEqual({ entities: [], projections: [] });
  expect(seen.started[0]?.config).toMatchObject({ port: 0, partitions: 4, drainMs: 3_000, dataDir: '/tmp/x', limits: { maxHeld: 5 } });
  expect([seen.stops, seen.exits, seen.err]).toEqual([1, [0], []]);
});

test('a program that is a function gets the configuration, whatever it was set by', async () => {
  const file = await programFile(
    'export default ({ paymentsUrl, port }) => ({ entities: [], activities: [paymentsUrl, port] }); export const config = { port: 7 };',
  );
  for (const [env, args] of [
    [{}, ['--payments-url', 'http://pay:1']],
    [{ PERDURE_PAYMENTS_URL: 'http://pay:1' }, []],
  ] as const) {
    const { seen, run, started, stop } = command(env);
    const running = run('start', '--program', file, ...args);
    await started;
    stop('SIGTERM');
    await running;
    expect(seen.started[0]?.program).toEqual({ entities: [], activities: ['http://pay:1', 7] });
  }
});

test('a drain that fails exits with 1 and says why', async () => {
  const file = await programFile('export default { entities: [] };');
  const { seen, run, started, stop } = command({}, async () => {
    throw new PerdureError('store-failed', 'the disk is gone');
  });
  const running = run('start', '--program', file);
  await started;
  stop('SIGTERM');
  await running;
  expect([seen.exits, seen.err[0]]).toEqual([[1], expect.stringContaining('the disk is gone [store-failed]')]);
});

test('errors at the start are one line with its code, and what to do; exit code 1', async () => {
  for (const [env, args, told] of [
    [{ PERDURE_PORT: 'x' }, [], /^perdure: PERDURE_PORT is 'x'; it must be a whole number .* \[invalid-config\]\n {2}Correct the variable/],
    [{}, ['--port', 'x'], /^perdure: --port is 'x'/],
    [{}, ['--prot', '1'], /unknown option '--prot'/],
  ] as const) {
    const file = await programFile('export default { entities: [] };');
    const { seen, run } = command(env);
    await run('start', '--program', file, ...args);
    expect([seen.exits, seen.started]).toEqual([[1], []]);
    expect(seen.err.join('\n')).toMatch(told);
  }
});

test('a program that is missing, does not load or is none is named', async () => {
  for (const [text, told] of [
    ['export default { entitys: [] };', /has no section 'entitys'/],
    ['export default { projections: [] };', /has no entities/],
    ['export default { entities: 1 };', /has entities that are no list/],
    ['export const x = 1;', /default export of .*program\.mjs is not/],
    ['throw new Error("at load");', /does not load: at load/],
    ['export default () => { throw new Error("no gateway"); };', /program\.mjs cannot be made: no gateway/],
    ['export default () => undefined;', /what the default export of .*program\.mjs returns is not/],
    ['export default () => ({ entities: [], activitys: [] });', /returns has no section 'activitys'/],
    ['export default async () => ({ entities: [] });', /returns is a promise: await in the module/],
  ] as const) {
    const file = await programFile(text);
    const { seen, run } = command();
    await run('start', '--program', file);
    expect(seen.err.join('\n')).toMatch(told);
    expect(seen.err.join('\n')).toContain(file);
  }
  const { seen, run } = command();
  await run('start');
  expect(seen.err[0]).toMatch(/there is no program at .*dist.perdure\.config\.js; name it with --program/);
});

test('config prints what was resolved, without the keys', async () => {
  const { seen, run } = command({ PERDURE_API_KEYS: 'secret-1,secret-2' });
  await run('config', '--port', '9');
  expect(JSON.parse(seen.out.join('\n'))).toMatchObject({ port: 9, apiKeys: '(2, not shown)', limits: { snapshotEvery: 200 } });
  expect(seen.out.join('\n')).not.toContain('secret');
});

test('--help names every setting, its variable and its default', async () => {
  const { seen, run } = command();
  await run('start', '--help');
  const text = seen.out.join('\n').replaceAll(/\s+/g, ' ');
  for (const { flag, variable, shown } of SETTINGS) {
    expect(text).toContain(flag);
    expect(text).toContain(`(${variable}; default: ${shown})`);
  }
  expect(seen.exits).toEqual([0]);
});
