import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storeEnv } from './store-env.ts';

/** A node as a process of its own, as `npm start` makes it. */
export interface NodeProcess {
  readonly url: string;
  readonly pid: number;
  /** What it has printed so far, log lines and errors. */
  output(): string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Sends SIGTERM; resolves with how it ended. */
  stop(): Promise<Exit>;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<Exit>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface NodeOptions {
  readonly dataDir: string;
  /** Program module; the reference entities if absent. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces `node` as what is run: `['bash', '-c', 'ulimit … exec "$@"', 'bash']`. */
  readonly through?: readonly string[];
}

const READY_WITHIN_MS = 30_000;

/** Starts a node on a free port. Throws with its output if it does not become ready. */
export async function startNode(options: NodeOptions): Promise<NodeProcess> {
  const child = launch(options, await storeEnv(options.dataDir));
  const output = collect(child);
  const exited = exitOf(child, output);
  const url = await Promise.race([readyUrl(child, output), exited.then(({ code }) => new Error(`exited with ${code}`))]);
  if (url instanceof Error) {
    child.kill('SIGKILL');
    throw new Error(`the node did not start (${url.message}):\n${output()}`);
  }
  return {
    url,
    pid: child.pid ?? 0,
    output,
    exited,
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Starts a node that is expected to refuse; resolves with how it ended. */
export async function refusedNode(options: NodeOptions): Promise<Exit> {
  const child = launch(options, await storeEnv(options.dataDir));
  return exitOf(child, collect(child));
}

/** The folder of the package, from the sources and from `dist` alike. */
export function packageRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json'))) at = dirname(at);
  return at;
}

function launch({ dataDir, program, env, through = [] }: NodeOptions, store: Readonly<Record<string, string>>): ChildProcess {
  const dist = join(packageRoot(), 'dist');
  const main = [join(dist, 'runtime/cli/main.js'), 'start', '--program', program ?? join(dist, 'perdure.config.js')];
  const [command = process.execPath, ...args] = [...through, process.execPath, ...main];
  return spawn(command, args, {
    cwd: packageRoot(),
    env: { ...withoutMode(process.env), PERDURE_PORT: '0', PERDURE_HOST: '127.0.0.1', PERDURE_DATA_DIR: dataDir, ...store, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** vitest sets NODE_ENV to `test`; a node under test runs as in production. */
function withoutMode({ NODE_ENV: _mode, ...rest }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return rest;
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}

function exitOf(child: ChildProcess, output: () => string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output: output() }));
  });
}

function readyUrl(child: ChildProcess, output: () => string): Promise<string | Error> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(new Error(`not ready within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
    child.stdout?.on('data', () => {
      const url = /"url":"([^"]+)"/.exec(output())?.[1];
      if (url === undefined) return;
      clearTimeout(late);
      resolve(url);
    });
    child.on('close', () => clearTimeout(late));
  });
}
