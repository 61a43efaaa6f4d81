// `npm run pictures`: takes the pictures of the README and of the walkthrough anew, in a real editor on the bundled models.
import { join } from 'node:path';
import { ensureInstalled, newerNode, run, say } from './setup.mjs';

ensureInstalled();
say('Taking the pictures of media/screenshots and media/walkthrough …');
const config = join('test', 'e2e', 'pictures', 'vitest.config.ts');
process.exitCode = await run(newerNode() ?? process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', '-c', config]);
