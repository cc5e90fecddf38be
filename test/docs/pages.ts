import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../../runtime/config.ts';
import { limitsTable } from './limits.ts';

/** Where the pages are that tests hold against the code. */
export const README = pathOf('README.md');
export const GUIDE = pathOf('runtime/DURABLE.md');
export const CORE = pathOf('runtime/core/README.md');

/** The absolute path of a file of this repository. */
export function pathOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/**
 * The README with its generated parts as they should be: code, which is compiled and tested, and tables.
 * `npx vitest run test/unit/docs -u` brings the page up to date.
 */
export function readmeDoc(): string {
  const parts: Readonly<Record<string, string>> = {
    workflow: codeOf('test/docs/ride.ts'),
    // Whoever copies both puts them where the README says.
    'workflow-test': codeOf('test/unit/docs/ride.test.ts').replace('../../docs/ride.ts', '../../entities/ride.ts'),
    entity: codeOf('test/docs/readme-entity.ts'),
    settings: settingsTable(),
    limits: limitsTable(),
  };
  return Object.entries(parts).reduce((page, [name, content]) => filled(page, name, content), readFileSync(README, 'utf8'));
}

function codeOf(path: string): string {
  return `\`\`\`ts\n${readFileSync(pathOf(path), 'utf8').trimEnd()}\n\`\`\``;
}

function settingsTable(): string {
  const rows = SETTINGS.map(({ variable, shown, help }) => `| \`${variable}\` | ${shown} | ${help} |`);
  return ['| variable | default | what |', '| --- | --- | --- |', ...rows].join('\n');
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. Throws if the marks are missing. */
function filled(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`the README has no place marked ${name}`);
  return `${page.slice(0, from + begin.length)}${content}\n${page.slice(to)}`;
}
