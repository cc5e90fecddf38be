import type { JsonSchema } from '../core/definition/json-schema.ts';

/** The page of `/docs`: the OpenAPI document as one self-contained HTML page, without scripts. */
export function docsPage(document: JsonSchema): string {
  const { paths } = document as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };
  const sections = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? 'other';
      sections.set(tag, [...(sections.get(tag) ?? []), operationBlock(method, path, operation)]);
    }
  }
  const links = [...sections.keys()].map((tag) => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join(' ');
  const body = [...sections].map(([tag, blocks]) => `<h2 id="${escaped(tag)}">${escaped(tag)}</h2>${blocks.join('')}`).join('');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Perdure: HTTP</title>
<style>${STYLE}</style><h1>Perdure: HTTP</h1><p>As data: <a href="/openapi.json">/openapi.json</a></p><nav>${links}</nav>${body}</html>`;
}

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: unknown }>> }>
  >;
}

function operationBlock(method: string, path: string, operation: Operation): string {
  const body = operation.requestBody?.content['application/json']?.schema;
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const schema = response.content?.['application/json']?.schema;
    const shown = schema === undefined ? '' : code(schema);
    return `<tr><td>${escaped(status)}<td>${escaped(response.description).replaceAll('\n', '<br>')}${shown}`;
  });
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(operation.summary)}</summary>${
    operation.description === undefined ? '' : `<p>${escaped(operation.description)}</p>`
  }${body === undefined ? '' : `<p>Body</p>${code(body)}`}<table>${rows.join('')}</table></details>`;
}

function code(value: unknown): string {
  return `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}code,pre{font-size:14px}
pre{background:#8881;padding:.5rem;overflow:auto}details{border-bottom:1px solid #8884;padding:.4rem 0}summary{cursor:pointer}
td{vertical-align:top;padding:.2rem .8rem .2rem 0}nav a{margin-right:1rem}:root{color-scheme:light dark}`;
