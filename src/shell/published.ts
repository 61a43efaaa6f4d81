import { COMMANDS } from '../commands/table.js';
import { buildShellSchema } from './schema.js';
import type { JsonSchema } from './schema.js';

/** The schema that is published as media/schemas/shell.schema.json: of a shell with every command there is. */
export function shellSchema(): JsonSchema {
  return buildShellSchema(COMMANDS);
}
