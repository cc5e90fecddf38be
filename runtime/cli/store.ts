import type { Command } from 'commander';
import { resolveConfig } from '../config.ts';
import { PerdureError } from '../core/errors.ts';
import type { CommandIo } from './command.ts';
import { exitCode, refused } from './report.ts';

/**
 * Adds `perdure store renew`: after a backup of EventStoreDB was restored, what nodes derived from the log that is gone must not be believed.
 * Exit codes: 0, and 2 if it could not be done.
 */
export function addStore(perdure: Command, io: CommandIo): void {
  perdure
    .command('store')
    .description('Works on the store at PERDURE_EVENTSTORE_URL, while no node uses it.')
    .command('renew')
    .description(
      'Gives it another id, after a backup was restored: rows that nodes have of it are refused, and are made anew once their directory is empty.',
    )
    .exitOverride(refused)
    .action(() =>
      exitCode(io, async () => {
        const { eventstoreUrl, leaseMs } = resolveConfig({ env: io.env });
        if (eventstoreUrl === undefined) {
          throw new PerdureError(
            'invalid-config',
            'PERDURE_EVENTSTORE_URL is not set: a backup of the embedded store brings its rows with it',
          );
        }
        io.print(
          `the store is ${await io.renewStore(eventstoreUrl, leaseMs, io.warn)} from now on; empty the data directories of its nodes before they start`,
        );
        return 0;
      }),
    );
}
