#!/usr/bin/env -S node --max-semi-space-size=64
import { start } from '../start.ts';
import { perdureCommand } from './command.ts';
import { reportError } from './report.ts';

/** The `perdure` command. The one place that knows the composition root. */
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
};

try {
  await perdureCommand(io).parseAsync(process.argv);
} catch (error) {
  io.exit(reportError(error, io.warn));
}
