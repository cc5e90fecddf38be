import { createReadStream } from 'node:fs';
import { type Command, Option } from 'commander';
import { resolveConfig } from '../config.ts';
import { errorText, PerdureError } from '../core/errors.ts';
import type { StoredTurn } from '../core/record.ts';
import type { SnapshotStore } from '../host/snapshot-image.ts';
import { storedTurns } from '../host/stored-streams.ts';
import { exportedTurns } from '../host/stream-export.ts';
import type { CommandIo } from './command.ts';
import { findingLines, totalsLine } from './findings.ts';
import { loadProgram } from './program.ts';
import { exitCode, refused } from './report.ts';
import { DATA_DIR_HELP, placeOf, type StorePlace } from './store-place.ts';

interface ReplayOptions {
  readonly program?: string;
  readonly dataDir?: string;
  readonly file?: string;
  readonly all?: true;
}

/**
 * Adds `perdure replay`: folds the entities of a store (or of an exported file) with the program at hand and executes their runs in flight once more.
 * Exit codes: 0 all come out as recorded, 1 something breaks, 2 nothing was checked (wrong usage, no store, one that is in use).
 */
export function addReplay(perdure: Command, io: CommandIo): void {
  perdure
    .command('replay')
    .description('Checks a store, or an exported file, against the program at hand before it is deployed. Exit code 1 if something breaks.')
    .option('--program <file>', 'module with the entities and activities (default: ./dist/perdure.config.js)')
    .option('--data-dir <dir>', DATA_DIR_HELP)
    .addOption(new Option('--file <file>', 'a file that `perdure export` wrote, instead of a store').conflicts('dataDir'))
    .option('--all', 'also executes the runs that have ended')
    .exitOverride(refused)
    .action((options: ReplayOptions) => exitCode(io, async () => ((await replay(options, io)) ? 0 : 1)));
}

/** True if nothing breaks. */
async function replay({ program: path, file, dataDir, all }: ReplayOptions, io: CommandIo): Promise<boolean> {
  const loaded = await loadProgram(path, io.cwd);
  const config = resolveConfig({ env: io.env, flags: { dataDir }, file: loaded.config });
  const program = loaded.make(config);
  const source = file === undefined ? await storeSource(io, placeOf(config, dataDir)) : fileSource(file);
  const { checks, release } = io.streamChecks(program, { ...source.snapshots, endedRuns: all === true, maxTurnBytes: config.maxTurnBytes });
  try {
    for await (const finding of checks.findings(source.turns)) for (const line of findingLines(finding)) io.print(line);
  } finally {
    release();
    await source.close();
  }
  io.print(totalsLine(checks.totals, all === true));
  return checks.totals.breaks === 0;
}

interface Source {
  readonly turns: AsyncIterable<StoredTurn>;
  readonly snapshots?: { readonly store: SnapshotStore };
  close(): Promise<void>;
}

async function storeSource(io: CommandIo, place: StorePlace): Promise<Source> {
  const store = await io.openStoreForReading(place);
  return { turns: storedTurns(store, { inFlight: false }), snapshots: { store }, close: () => store.close() };
}

function fileSource(path: string): Source {
  return { turns: exportedTurns(linesOf(path)), close: async () => undefined };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new PerdureError('invalid-config', `${path} cannot be read: ${errorText(cause)}`, undefined, { cause });
  }
  if (rest !== '') yield rest;
}
