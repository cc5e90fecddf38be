import { defineConfig } from 'vitest/config';

const conditions = ['source', 'node', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/{unit,contract,golden,http,wire,e2e,simulation}/**/*.test.ts'],
    testTimeout: 30_000,
    pool: 'forks',
    // A test that is meant to run alone is a mistake everywhere but at a desk.
    allowOnly: false,
    retry: 0,
  },
});
