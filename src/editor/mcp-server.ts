import * as vscode from 'vscode';
import { packageVersion } from '../paths.js';
import { section, settings } from './settings.js';

/** As package.json contributes it. */
export const mcpServerId = 'symbolicResidue';

/** How a server is started, as VS Code takes it. */
export interface McpServerDefinition {
  readonly label: string;
  command: string;
  args: string[];
  env: Record<string, string | number | null>;
  version?: string;
}

/** What VS Code has from 1.101 on, and the typings of the oldest version that is supported have not. */
interface McpApi {
  McpStdioServerDefinition: new (
    label: string,
    command: string,
    args: string[],
    env: Record<string, string>,
    version: string,
  ) => McpServerDefinition;
  lm: {
    registerMcpServerDefinitionProvider(
      id: string,
      provider: { onDidChangeMcpServerDefinitions: vscode.Event<void>; provideMcpServerDefinitions(): McpServerDefinition[] },
    ): vscode.Disposable;
  };
}

/**
 * Offers `residue mcp` of this installation among VS Code's MCP servers, where the setting asks for it: chat has the same tools without a
 * server, so that both would be there twice.
 *
 * @param program Path of dist/cli.cjs.
 */
export function mcpServer(program: string): vscode.Disposable {
  const { McpStdioServerDefinition: Definition, lm } = vscode as unknown as Partial<McpApi>;
  if (!Definition || typeof lm?.registerMcpServerDefinitionProvider !== 'function') return { dispose: () => undefined };
  const changed = new vscode.EventEmitter<void>();
  const provideMcpServerDefinitions = (): McpServerDefinition[] => {
    const roots = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => uri.fsPath);
    const wanted = vscode.workspace.getConfiguration(section).get<unknown>('mcpServer') === true;
    if (!wanted || !vscode.workspace.isTrusted || roots.length === 0) return [];
    const { model, provider, threads } = settings();
    const args = [
      program,
      'mcp',
      ...roots.flatMap((root) => ['--root', root]),
      ...['--model', model, '--provider', provider],
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ];
    // On the desktop the extension runs inside Electron, which is Node only when told.
    return [new Definition('Symbolic Residue', process.execPath, args, { ELECTRON_RUN_AS_NODE: '1' }, packageVersion())];
  };
  const listeners = [
    changed,
    lm.registerMcpServerDefinitionProvider(mcpServerId, {
      onDidChangeMcpServerDefinitions: changed.event,
      provideMcpServerDefinitions,
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(section)) changed.fire();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(() => changed.fire()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
  ];
  return { dispose: () => listeners.forEach((listener) => void listener.dispose()) };
}
