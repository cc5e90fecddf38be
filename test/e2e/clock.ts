import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { NodeProcess } from '../tools/node-process.ts';
import { scratchDir } from './scratch.ts';

const MODULE = new URL('programs/shifted-clock.mjs', import.meta.url).href;

/** A wall clock for nodes that the test may set while they run; the machine's stays as it is. */
export class WallClock {
  /** What a node needs in its environment to live by this clock. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
    this.env = { NODE_OPTIONS: `--import ${MODULE}`, CLOCK_FILE: file };
  }

  static async ahead(aheadMs: number): Promise<WallClock> {
    const clock = new WallClock(join(await scratchDir(), 'ahead-ms'));
    await clock.set(aheadMs);
    return clock;
  }

  /** How far it is ahead of the machine's, for nodes that start from now on. */
  async set(aheadMs: number): Promise<void> {
    await writeFile(this.#file, String(aheadMs));
  }

  /** Sets it while a node runs; resolves when the node has seen it. */
  async jump(node: NodeProcess, aheadMs: number): Promise<void> {
    const before = node.output().length;
    await this.set(aheadMs);
    node.signal('SIGUSR2');
    await vi.waitFor(() => expect(node.output().slice(before)).toContain(`{"clock":${aheadMs}}`));
  }
}
