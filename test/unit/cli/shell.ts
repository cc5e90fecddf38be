import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { type CommandIo, perdureCommand } from '../../../runtime/cli/command.ts';
import { reportError } from '../../../runtime/cli/report.ts';
import { openStoreForReading, streamChecks } from '../../../runtime/offline.ts';
import { renewStore } from '../../../runtime/stores.ts';

const directories: string[] = [];
afterEach(async () => {
  await Promise.all(directories.splice(0).map((path) => rm(path, { recursive: true })));
});

/** A directory of its own, removed after the test. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'perdure-'));
  directories.push(directory);
  return directory;
}

/** The file of a program beside these tests. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
}

export interface Run {
  /** Exit code; undefined if the command did not exit. */
  readonly code: number | undefined;
  readonly out: readonly string[];
  readonly err: string;
}

/** Runs the command with the real stores, and keeps what it prints; `other` replaces parts of what it works with. */
export async function perdure(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  other: Partial<CommandIo> = {},
): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  let code: number | undefined;
  const io: CommandIo = {
    env,
    cwd: tmpdir(),
    print: (line) => void out.push(line),
    warn: (line) => void err.push(line),
    exit: (given) => {
      code = given;
    },
    onStop: () => undefined,
    start: () => Promise.reject(new Error('not started here')),
    pour: async (lines) => {
      for await (const line of lines) out.push(line);
    },
    openStoreForReading,
    renewStore,
    streamChecks,
    ...other,
  };
  try {
    await perdureCommand(io).parseAsync(['node', 'perdure', ...args]);
  } catch (error) {
    code = reportError(error, io.warn);
  }
  return { code, out, err: err.join('\n') };
}
