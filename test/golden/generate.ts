import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMemoryLog } from '../../runtime/adapters/memory/event-store-log.ts';
import { encodeSnapshot } from '../../runtime/core/snapshot.ts';
import { packageRoot } from '../tools/node-process.ts';
import { factsOf, imagesOf } from './folding.ts';
import { ends } from './going-on.ts';
import { type History, textOf, turnsOf } from './history.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

/**
 * Writes the histories of a version that is about to be released: `npm run golden -- 0.2`. Those of released versions are never written again.
 */
export const FOLDER = join(packageRoot(), 'test/golden');

/** What the code at hand writes in a scenario, and makes of it. */
export async function historyOf(perdure: string, scenario: Scenario): Promise<History> {
  const log = createMemoryLog('golden');
  await scenario(log);
  const turns = turnsOf(log);
  const images = imagesOf(turns);
  return {
    perdure,
    turns,
    folded: Object.fromEntries([...images].map(([stream, image]) => [stream, factsOf(image)])),
    snapshots: Object.fromEntries([...images].map(([stream, image]) => [stream, Buffer.from(encodeSnapshot(image)).toString('base64')])),
    ends: await ends(turns),
  };
}

/** The hash of a file's text, as it stands in `hashes.json`. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function main(version: string | undefined): Promise<void> {
  if (version === undefined || !/^\d+\.\d+$/.test(version)) throw new Error('which version? for example 0.2');
  const folder = join(FOLDER, version);
  await mkdir(folder, { recursive: true });
  for (const [name, scenario] of Object.entries(SCENARIOS))
    await writeFile(join(folder, `${name}.json`), textOf(await historyOf(version, scenario)));
  const path = join(FOLDER, 'hashes.json');
  const hashes = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Record<string, string>;
  for (const file of (await readdir(folder)).sort()) hashes[`${version}/${file}`] = hashOf(await readFile(join(folder, file), 'utf8'));
  await writeFile(path, `${JSON.stringify(hashes, undefined, 2)}\n`);
}

if (process.argv[1]?.endsWith('generate.js') === true) await main(process.argv[2]);
