import { lm, type Disposable } from 'vscode';
import type { McpServerDefinition } from '../../../src/editor/mcp-server.js';

interface Provider {
  provideMcpServerDefinitions(): McpServerDefinition[];
}
type Register = (id: string, provider: Provider) => Disposable;

/** What the extension offers as MCP servers, which nothing but VS Code's own list can read. To be made before the extension is active. */
class McpSpy {
  readonly providers = new Map<string, Provider>();

  constructor() {
    const api = lm as { registerMcpServerDefinitionProvider?: Register };
    const register = api.registerMcpServerDefinitionProvider;
    if (!register) return;
    api.registerMcpServerDefinitionProvider = (id, provider) => {
      this.providers.set(id, provider);
      return register.call(lm, id, provider);
    };
  }
}

export const mcp = new McpSpy();
