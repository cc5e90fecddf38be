import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../../runtime/config.ts';

/** Where the README and the entity that it shows are. */
export const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const ENTITY = fileURLToPath(new URL('../docs/readme-entity.ts', import.meta.url));

/**
 * The README with its generated parts as they should be: the entity, which is compiled and tested, and the table of settings.
 * `npx vitest run test/unit/docs -u` brings the page up to date.
 */
export function readmeDoc(): string {
  const page = readFileSync(README, 'utf8');
  return filled(filled(page, 'entity', `\`\`\`ts\n${readFileSync(ENTITY, 'utf8').trimEnd()}\n\`\`\``), 'settings', settingsTable());
}

function settingsTable(): string {
  const rows = SETTINGS.map(({ variable, shown, help }) => `| \`${variable}\` | ${shown} | ${help} |`);
  return ['| variable | default | what |', '| --- | --- | --- |', ...rows].join('\n');
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. Throws if the marks are missing. */
function filled(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`the README has no place marked ${name}`);
  return page.slice(0, from + begin.length) + content + page.slice(to);
}
