import type { ResolvedConfig } from '../config.ts';
import type { CommandIo } from './command.ts';
import type { Program } from './program.ts';
import { reportError } from './report.ts';

/**
 * Starts a node; the first SIGTERM or SIGINT drains it and exits with 0, further ones change nothing. One that comes during the start is
 * heeded when it is done. A drain that fails exits with 1, and so does a node that has lost its store to another.
 */
export async function runUntilStopped(io: CommandIo, program: Program, config: ResolvedConfig): Promise<void> {
  const asked = new Promise<void>((resolve) => io.onStop(() => resolve()));
  const runtime = await io.start(program, config);
  const lost = await Promise.race([asked, runtime.lost]);
  try {
    await runtime.stop();
    if (lost !== undefined) throw lost;
  } catch (error) {
    io.exit(reportError(error, io.warn));
    return;
  }
  io.exit(0);
}
