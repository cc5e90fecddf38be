import { docsPage } from './docs-page.ts';
import type { Edge } from './edge.ts';
import { MetricsPage } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import type { Routes } from './routes.ts';

/** What operators and tools ask: health, readiness, metrics, the description of the API. */
export function operationRoutes(edge: Edge, routes: Routes): void {
  const metrics = new MetricsPage(edge, routes.times);
  const document = openApiDocument(edge.host.definitions, edge.reader.projections, edge.config.apiKeys.length > 0);
  const openApi = JSON.stringify(document);
  const docs = docsPage(document);

  routes.add('GET', '/healthz', ({ exchange }) => {
    const { state } = edge.host.status();
    const isDead = state === 'failed' || state === 'stopped';
    exchange.json(isDead ? 503 : 200, JSON.stringify({ status: isDead ? 'failed' : 'ok', state }));
  });
  routes.add('GET', '/readyz', ({ exchange }) => {
    const reasons = notReady(edge);
    exchange.json(
      reasons.length === 0 ? 200 : 503,
      JSON.stringify({ ready: reasons.length === 0, state: edge.host.status().state, reasons }),
    );
  });
  routes.add('GET', '/metrics', async ({ exchange }) => exchange.write(200, metrics.contentType, await metrics.text()));
  routes.add('GET', '/openapi.json', ({ exchange }) => exchange.json(200, openApi));
  routes.add('GET', '/docs', ({ exchange }) => exchange.write(200, 'text/html; charset=utf-8', docs));
}

/** Why the node is not ready; empty when it is. */
function notReady(edge: Edge): readonly string[] {
  const { state, reasons } = edge.host.status();
  const all = [...reasons];
  if (state !== 'running' && all.length === 0) all.push(`the host is ${state}`);
  for (const { name, version, state, message } of edge.reader.status()) {
    if (state === 'building') all.push(`projection ${name}@${version} is being built`);
    if (state === 'failed') all.push(`projection ${name}@${version} failed: ${message ?? 'see the log'}`);
  }
  return all;
}
