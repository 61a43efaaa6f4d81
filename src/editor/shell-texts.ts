import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as shells from '../shell/bundle.js';

/** What reads and writes the text of shells: the bundle beside this one, loaded when it is first needed. */
export const shellTexts = (): typeof shells =>
  createRequire(import.meta.url)(join(dirname(fileURLToPath(import.meta.url)), 'shells.cjs')) as typeof shells;
