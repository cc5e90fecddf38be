import { createRequire } from 'node:module';
import { Command, Option } from 'commander';
import { type ResolvedConfig, resolveConfig, SETTINGS } from '../config.ts';
import type { StreamCheckParts, StreamChecks } from '../host/stream-checks.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Runtime } from '../start.ts';
import { addExport } from './export.ts';
import { loadProgram, type Program } from './program.ts';
import { addReplay } from './replay.ts';
import { runUntilStopped } from './run.ts';
import { addStore } from './store.ts';

/** What the command does its work with; tests give their own. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
  readonly exit: (code: number) => void;
  /** Calls back for every SIGTERM and SIGINT. */
  readonly onStop: (stop: (signal: string) => void) => void;
  readonly start: (program: Program, config: ResolvedConfig) => Promise<Pick<Runtime, 'lost' | 'stop'>>;
  /** Writes lines to standard output, no faster than they are read there. Rejects if nobody reads them any more. */
  readonly pour: (lines: AsyncIterable<string>) => Promise<void>;
  readonly openStoreForReading: (
    place: Pick<ResolvedConfig, 'dataDir' | 'eventstoreUrl'>,
  ) => Promise<Pick<EventStore, 'storeId' | 'readStream' | 'subscribe' | 'loadSnapshot' | 'close'>>;
  readonly renewStore: (url: string, leaseMs: number, notice: (message: string) => void) => Promise<string>;
  readonly streamChecks: (
    program: Program,
    options: Pick<StreamCheckParts, 'endedRuns' | 'maxTurnBytes' | 'store'>,
  ) => { readonly checks: StreamChecks; release(): void };
}

/** The command with its subcommands. Every setting is a flag of each, made from the table. */
export function perdureCommand(io: CommandIo): Command {
  const { version } = createRequire(import.meta.url)('perdure/package.json') as { readonly version: string };
  const perdure = new Command('perdure').description('An event-sourced actor runtime for entity workflows.').version(version);
  perdure.configureOutput({ writeOut: (text) => io.print(text.trimEnd()), writeErr: (text) => io.warn(text.trimEnd()) }).exitOverride();
  withSettings(perdure.command('start'), 'Starts a node and runs until SIGTERM or SIGINT.').action(async (options: Options) => {
    const loaded = await loadProgram(options.program, io.cwd);
    const config = resolveConfig({ env: io.env, flags: flagsOf(options), file: loaded.config });
    await runUntilStopped(io, loaded.make(config), config);
  });
  withSettings(perdure.command('config'), 'Prints the resolved configuration and exits.').action(async (options: Options) => {
    const file = options.program === undefined ? undefined : (await loadProgram(options.program, io.cwd)).config;
    io.print(JSON.stringify(shown(resolveConfig({ env: io.env, flags: flagsOf(options), file })), null, 2));
  });
  addReplay(perdure, io);
  addExport(perdure, io, version);
  addStore(perdure, io);
  return perdure;
}

type Options = Readonly<Record<string, string | undefined>> & { readonly program?: string };

function withSettings(command: Command, description: string): Command {
  command
    .description(description)
    .option('--program <file>', 'module with the entities, projections and activities (default: ./dist/perdure.config.js)');
  for (const { flag, variable, help, shown } of SETTINGS) {
    command.addOption(new Option(`${flag} <value>`, `${help} (${variable}; default: ${shown})`));
  }
  return command;
}

/** Values of flags by the field they set. */
function flagsOf(options: Options): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(SETTINGS.map(({ flag, field }) => [field, options[new Option(`${flag} <value>`).attributeName()]]));
}

/** Keys are secrets; only their number is shown. */
function shown(config: ResolvedConfig): object {
  return { ...config, apiKeys: config.apiKeys.length === 0 ? [] : `(${config.apiKeys.length}, not shown)` };
}
