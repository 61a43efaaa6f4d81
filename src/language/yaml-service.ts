import { getLanguageService } from 'yaml-language-server';
import type { LanguageService } from 'yaml-language-server';
import { COMMANDS } from '../commands/table.js';
import { schemaOf } from '../shell/schema-walk.js';

const SCHEMA_URI = 'residue-shell://schema/shell.schema.json';

/**
 * The YAML language service with the shell's own schema for every document. Whatever schema a file's modeline or `$schema` names, it is
 * answered with that one: nothing is fetched, from the network or from the disk.
 */
export function yamlService(): LanguageService {
  const text = JSON.stringify(schemaOf(COMMANDS));
  const service = getLanguageService({
    schemaRequestService: () => Promise.resolve(text),
    workspaceContext: { resolveRelativePath: () => SCHEMA_URI },
    clientCapabilities: {
      textDocument: {
        completion: { completionItem: { snippetSupport: true, documentationFormat: ['markdown'] } },
        hover: { contentFormat: ['markdown'] },
      },
    },
  });
  service.configure({
    // The shell's own parser says what is wrong.
    validate: false,
    hover: true,
    hoverAnchor: true,
    hoverSchemaSource: false,
    completion: true,
    format: true,
    indentation: '  ',
    yamlVersion: '1.2',
    // A copy: the service writes marks of its own into what it is given.
    schemas: [{ uri: SCHEMA_URI, fileMatch: ['*'], schema: JSON.parse(text) as unknown }],
  });
  return service;
}
