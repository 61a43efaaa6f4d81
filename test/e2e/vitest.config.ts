import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A window that was slow to open, once, is no fault of the product; what fails again is.
    retry: 1,
    pool: 'forks',
    // One browser at a time; `npm test` runs the tests of pages, which need no server, beside those of the extension host.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
