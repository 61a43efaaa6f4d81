// Milliseconds that the extension takes from VS Code's host until `activate` has returned, in a fresh Node. VS Code's own API is
// not there, so that only this extension's work is timed: every name of `vscode` is a function that returns the like of itself.
import { join } from 'node:path';
import { root } from '../scripts/setup.mjs';
import { inFreshNode } from './measure.mjs';

const script = `
import Module, { createRequire } from 'node:module';
const standIn = new Proxy(function () {}, {
  get: (_, key) => key === Symbol.toPrimitive ? () => '' : key === Symbol.iterator ? function* () {} : key === 'then' ? undefined : key === 'prototype' ? {} : key === 'fsPath' ? process.argv[2] : standIn,
  apply: () => standIn,
  construct: () => standIn,
});
const load = Module._load;
Module._load = function (name, ...rest) { return name === 'vscode' ? standIn : load.call(this, name, ...rest); };
const require = createRequire(process.argv[1]);
const start = performance.now();
const extension = require(process.argv[1]);
await extension.activate({ subscriptions: [], extensionUri: standIn, extensionPath: '', globalStorageUri: standIn, storageUri: standIn, workspaceState: standIn, globalState: standIn, asAbsolutePath: String });
console.log(JSON.stringify(performance.now() - start));
process.exit(0);
`;

export function activation() {
  return inFreshNode(script, [join(root, 'dist', 'extension.cjs'), root]);
}
