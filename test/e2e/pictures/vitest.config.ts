import { defineConfig, mergeConfig } from 'vitest/config';
import e2e from '../vitest.config.js';

// Takes pictures, tests nothing: `npm run pictures`.
const merged = mergeConfig(e2e, defineConfig({ test: { testTimeout: 600_000 } }));
export default { ...merged, test: { ...merged.test, include: ['test/e2e/pictures/*.pictures.ts'] } };
