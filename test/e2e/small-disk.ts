import { spawnSync } from 'node:child_process';
import { scratchDir } from './scratch.ts';

/** A place for data that is soon full, and later has room again. */
export interface SmallDisk {
  readonly dir: string;
  /** How a node must be run to feel the limit; nothing if the place itself is small. */
  readonly through?: readonly string[];
  /** Makes room. */
  grow(pid: number): void;
  release(): void;
}

const SIZE_KIB = 40 * 1024;

/** A small file system of its own where this process may mount one, else a bound on the size of files (which the store sees as a full disk, too). */
export async function smallDisk(): Promise<SmallDisk> {
  const dir = await scratchDir();
  if (run('mount', '-t', 'tmpfs', '-o', `size=${SIZE_KIB}k`, 'tmpfs', dir)) {
    return {
      dir,
      grow: () => void run('mount', '-o', `remount,size=${SIZE_KIB * 4}k`, dir),
      release: () => void run('umount', '--lazy', dir),
    };
  }
  return {
    dir,
    through: ['bash', '-c', `trap '' XFSZ; ulimit -S -f ${SIZE_KIB}; exec "$@"`, 'bash'],
    grow: (pid) => void run('prlimit', '--pid', String(pid), '--fsize=unlimited'),
    release: () => {},
  };
}

function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}
