#!/usr/bin/env -S node --max-semi-space-size=64 --no-allocation-site-pretenuring
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openStoreForReading, streamChecks } from '../offline.ts';
import { start } from '../start.ts';
import { renewStore } from '../stores.ts';
import { perdureCommand } from './command.ts';
import { reportError } from './report.ts';

/**
 * The `perdure` command. The one place that knows the composition roots.
 *
 * The flags of its first line: what a turn is made of lives for one commit, about as long as 64 MiB of young memory last under load, and dies young then.
 * Left to guess, V8 takes a busy start for a sign that these objects live long and allocates them in old memory from then on, which costs half as much CPU again.
 */
const io = {
  env: process.env,
  cwd: process.cwd(),
  print: (line: string) => process.stdout.write(`${line}\n`),
  warn: (line: string) => process.stderr.write(`${line}\n`),
  exit: (code: number) => process.exit(code),
  onStop: (stop: (signal: string) => void) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  },
  start,
  pour: (lines: AsyncIterable<string>) => pipeline(Readable.from(ended(lines)), process.stdout, { end: false }),
  openStoreForReading,
  renewStore,
  streamChecks,
};

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

try {
  await perdureCommand(io).parseAsync(process.argv);
} catch (error) {
  io.exit(reportError(error, io.warn));
}
