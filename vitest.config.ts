import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
  test: { include: ['test/{unit,contract,e2e,simulation}/**/*.test.ts'], testTimeout: 30_000, pool: 'forks' },
});
