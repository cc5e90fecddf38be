import { type Command, InvalidArgumentError, Option } from 'commander';
import { resolveConfig } from '../config.ts';
import { ENTITY_TYPE, type StoredTurn } from '../core/record.ts';
import { type StreamSelection, storedTurns } from '../host/stored-streams.ts';
import { exportLines } from '../host/stream-export.ts';
import type { CommandIo } from './command.ts';
import { nodeTurns } from './node-turns.ts';
import { exitCode, refused } from './report.ts';
import { DATA_DIR_HELP, placeOf } from './store-place.ts';

interface ExportOptions {
  readonly dataDir?: string;
  readonly url?: string;
  readonly type?: readonly string[];
  readonly runsInFlight?: true;
}

/**
 * Adds `perdure export`: writes the streams of a store, or of a running node, to standard output, in the form that `perdure replay --file` reads.
 * Exit codes: 0, and 2 if it could not be done; what was written by then has no end and is refused by its reader.
 */
export function addExport(perdure: Command, io: CommandIo, version: string): void {
  perdure
    .command('export')
    .description('Writes streams to standard output, a line of JSON for each turn, for `perdure replay --file`.')
    .option('--data-dir <dir>', DATA_DIR_HELP)
    .addOption(new Option('--url <url>', 'a running node instead, asked with the first of PERDURE_API_KEYS').conflicts('dataDir'))
    .option('--type <type>', 'only entities of this type; may stand several times', collectedTypes)
    .option('--runs-in-flight', 'only entities that have runs in flight')
    .exitOverride(refused)
    .action((options: ExportOptions) => exitCode(io, () => exportStreams(options, io, version)));
}

function collectedTypes(type: string, before: readonly string[] | undefined): readonly string[] {
  if (!ENTITY_TYPE.test(type)) throw new InvalidArgumentError('it is no entity type');
  return [...(before ?? []), type];
}

async function exportStreams({ dataDir, url, type: types, runsInFlight }: ExportOptions, io: CommandIo, perdure: string): Promise<number> {
  const config = resolveConfig({ env: io.env, flags: { dataDir } });
  const selection: StreamSelection = { ...(types === undefined ? {} : { types }), inFlight: runsInFlight === true };
  const write = (from: string, turns: AsyncIterable<StoredTurn>) => io.pour(exportLines({ perdure, from }, turns));
  if (url !== undefined) {
    const [apiKey] = config.apiKeys;
    await write(url, nodeTurns({ url, ...(apiKey === undefined ? {} : { apiKey }) }, selection));
    return 0;
  }
  const store = await io.openStoreForReading(placeOf(config, dataDir));
  try {
    await write(store.storeId, storedTurns(store, selection));
    return 0;
  } finally {
    await store.close();
  }
}
