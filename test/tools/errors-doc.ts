import { fileURLToPath } from 'node:url';
import { ERRORS } from '../../runtime/core/errors.ts';

/** Where the error table stands in words. */
export const ERRORS_DOC = fileURLToPath(new URL('../../runtime/core/ERRORS.md', import.meta.url));

/** The error table as Markdown. `npx vitest run test/unit/http/errors-doc.test.ts -u` brings the page up to date. */
export function errorsDoc(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, spec]) => `| \`${code}\` | ${spec.status} | ${spec.retry} | ${spec.message} | ${spec.help} |`,
  );
  return `# Errors

Every error of the runtime, made from \`errors.ts\` by \`test/tools/errors-doc.ts\`: do not edit. Over HTTP a code is the field \`code\` of an RFC 9457
problem; in the client it is the \`code\` of a PerdureError. An entity's own rejections are 409 with the entity's code and \`by\`, and are not listed here.

\`retry\`: \`never\`: the same request will fail again. \`backoff\`: try again after a growing wait. \`after\`: the answer carries the wait (\`retry-after\`).

| code | status | retry | what happened | what to do |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
