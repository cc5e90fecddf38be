import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { pathOf } from './pages.ts';

/** Commands of a page that are executed one after another on one node. */
export interface Walk {
  /** What the page says the node is: `reference`, `ride` … */
  readonly on: string;
  readonly script: string;
  readonly expected: readonly Expected[];
}
/** What the page says a request is answered with: status, and a part of the body. */
export interface Expected {
  readonly status: number;
  readonly body: unknown;
}
/** What it was answered with. */
export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

/** The walks of a page, in order: shell blocks between `<!-- run name -->` and `<!-- /run name -->`. */
export function walksOf(page: string): readonly Walk[] {
  return [...page.matchAll(/<!-- run ([a-z ]+) -->\n([\s\S]*?)<!-- \/run \1 -->/g)].map(([, on = '', part = '']) => {
    const script = [...part.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block).join('\n');
    return { on, script, expected: expectedOf(script) };
  });
}

/** Lines such as `# 200 {"status":"completed"}`, or `# 202` alone. */
function expectedOf(script: string): readonly Expected[] {
  return [...script.matchAll(/^# (\d{3})(?: (\{.*\}))?$/gm)].map(([, status, body = '{}']) => ({
    status: Number(status),
    body: JSON.parse(body) as unknown,
  }));
}

/** Executes the commands as they stand, with a curl that asks the node at `url` . Resolves with the answers, in order, but for those to `curl -s`. */
export async function walk(script: string, url: string): Promise<readonly Answered[]> {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-docs-'));
  try {
    await symlink(pathOf('test/docs/curl.mjs'), join(dir, 'curl'));
    const answers = join(dir, 'answers');
    const env = { ...process.env, PATH: `${dir}${delimiter}${process.env['PATH'] ?? ''}`, DOCS_URL: url, DOCS_ANSWERS: answers };
    await promisify(execFile)('bash', ['-e', '-c', script], { env });
    const lines = (await readFile(answers, 'utf8')).trim().split('\n');
    return lines.map((line) => answerOf(JSON.parse(line) as { readonly status: number; readonly text: string }));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function answerOf({ status, text }: { readonly status: number; readonly text: string }): Answered {
  return { status, body: JSON.parse(text) as unknown };
}
