import { mkdirSync } from 'node:fs';
import type { TestProject } from 'vitest/node';
import { ensureChromium } from '../../scripts/chromium.mjs';
import { ensureCodeServer } from '../../scripts/code-server.mjs';
import { packageExtension } from '../../scripts/package.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the packaged extension. */
    vsix: string;
    chromium: string;
  }
}

/** Packs the extension once, as users get it; every file of the suite installs that. `RESIDUE_VSIX=path` takes one that is packed. */
export default async function setup(project: TestProject): Promise<void> {
  mkdirSync('test-results', { recursive: true });
  await ensureCodeServer();
  project.provide('chromium', await ensureChromium());
  project.provide('vsix', process.env.RESIDUE_VSIX ?? (await packageExtension()));
}
