import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A measured system in its own process: asked one thing at a time over Node's channel between processes. */
export interface Peer {
  readonly pid: number;
  /** Sends a request and waits for its answer. Rejects with the peer's error, or if it ends before it answers. */
  ask<T>(request: unknown): Promise<T>;
  /** Ends the process in order and waits for it. */
  close(): Promise<void>;
}

type Reply = { readonly value: unknown } | { readonly error: string };

/** Starts `module` (beside the caller, `import.meta.url` of which is `from`) with arguments. Node's own flags (`--cpu-prof`) are passed on. */
export function startPeer(from: string, module: string, args: readonly string[] = []): Peer {
  const child: ChildProcess = fork(fileURLToPath(new URL(module, from)), args, { serialization: 'advanced' });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    pid: child.pid ?? 0,
    ask: <T>(request: unknown) =>
      new Promise<T>((resolve, reject) => {
        const failed = (code: number | null) => reject(new Error(`${module} ended with ${code} before it answered`));
        child.once('exit', failed);
        child.once('message', (reply: Reply) => {
          child.off('exit', failed);
          if ('error' in reply) reject(new Error(`${module}: ${reply.error}`));
          else resolve(reply.value as T);
        });
        child.send({ request });
      }),
    close: async () => {
      child.send({ end: true });
      const code = await ended;
      if (code !== 0) throw new Error(`${module} ended with ${code}`);
    },
  };
}

/** The peer's side: answers requests one after another until it is told to end, then calls `close`. */
export function serveAsPeer<R>(answer: (request: R) => Promise<unknown>, close: () => Promise<void>): void {
  const reply = (message: Reply) => process.send?.(message);
  let ending = false;
  // Whoever asked is gone: nobody would end this process.
  process.on('disconnect', () => {
    if (!ending) process.exit(1);
  });
  process.on('message', (message: { readonly request: R } | { readonly end: true }) => {
    ending = 'end' in message;
    const done =
      'end' in message ? close().then(() => process.disconnect()) : answer(message.request).then((value) => void reply({ value }));
    done.catch((error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
  });
}
