import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { packageRoot } from '../paths.js';
import type { ReportAssets } from './html.js';

/** What an HTML report is made of, from the installed package. Throws InputError where it lacks a part. */
export function reportAssets(root = packageRoot()): ReportAssets {
  const read = (...path: string[]): string => {
    const file = join(root, ...path);
    try {
      return readFileSync(file, 'utf8');
    } catch {
      throw new InputError('is missing, and an HTML report is made of it: install Symbolic Residue again.', { file });
    }
  };
  return {
    controls: read('dist', 'webview-controls.js'),
    rest: read('dist', 'webview-rest.js'),
    page: read('dist', 'webview.js'),
    pageStyle: read('dist', 'webview.css'),
    bridge: read('dist', 'report.js'),
    bridgeStyle: read('dist', 'report.css'),
    methods: read('docs', 'methods.md'),
  };
}
