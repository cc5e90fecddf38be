import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { cpuSecondsOf } from './machine.ts';

/** A server under measurement, as a process of its own. */
export interface Service {
  readonly pid: number;
  cpuSeconds(): number;
  /** SIGTERM, then waits for its end. */
  stop(): Promise<void>;
}

/** Starts a command and waits until `ready` holds. Rejects with what it printed if it ends before. */
export async function startService(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ready: () => Promise<boolean>,
): Promise<Service> {
  const child: ChildProcess = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  const keep = (chunk: Buffer) => {
    printed = (printed + chunk.toString('utf8')).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  let gone = false;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      gone = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  process.once('exit', () => child.kill('SIGKILL'));
  for (const until = Date.now() + 60_000; !(await ready()); ) {
    if (gone) throw new Error(`${command} ended before it was ready: ${printed}`);
    if (Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`${command} was not ready within a minute: ${printed}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    cpuSeconds: () => cpuSecondsOf(pid),
    stop: async () => {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(force);
    },
  };
}

/** Does a GET answer with 2xx? */
export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
