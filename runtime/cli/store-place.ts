import type { ResolvedConfig } from '../config.ts';

/** Which store a command reads. */
export type StorePlace = Pick<ResolvedConfig, 'dataDir' | 'eventstoreUrl'>;

/** A directory that was named stands before a store that the environment names. */
export function placeOf(config: ResolvedConfig, named: string | undefined): StorePlace {
  return { dataDir: config.dataDir, eventstoreUrl: named === undefined ? config.eventstoreUrl : undefined };
}

/** Help of `--data-dir`. */
export const DATA_DIR_HELP =
  'directory of the embedded store; no node may use it meanwhile (default: the store at PERDURE_EVENTSTORE_URL, else PERDURE_DATA_DIR or ./data)';
