import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { MortalNode } from '../tools/mortal-node.ts';
import { type NodeOptions, type NodeProcess, startNode } from '../tools/node-process.ts';

const nodes: NodeProcess[] = [];
const mortals: MortalNode[] = [];
const dirs: string[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.kill()));
  await Promise.all(mortals.splice(0).map((node) => node.end()));
  await Promise.all(dirs.splice(0).map((dir) => rm(dir, { recursive: true, force: true })));
});

/** A directory of its own, removed after the test. */
export async function scratchDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-e2e-'));
  dirs.push(dir);
  return dir;
}

/** A node that does not outlive the test. */
export async function testNode(options: NodeOptions): Promise<NodeProcess> {
  const node = await startNode(options);
  nodes.push(node);
  return node;
}

/** A node of many lives, none of which outlives the test. */
export async function mortalNode(options: NodeOptions): Promise<MortalNode> {
  const node = await MortalNode.born(options);
  mortals.push(node);
  return node;
}
