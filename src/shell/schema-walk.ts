import { buildShellSchema } from './schema.js';
import type { CommandInfo, JsonSchema } from './schema.js';
import type { Path } from './source.js';

const schemas = new WeakMap<readonly CommandInfo[], JsonSchema>();

/** The shell's schema for a list of commands, made once per list. */
export function schemaOf(commands: readonly CommandInfo[]): JsonSchema {
  let schema = schemas.get(commands);
  if (schema === undefined) {
    schema = buildShellSchema(commands);
    schemas.set(commands, schema);
  }
  return schema;
}

/** Every schema that may hold at a path: all forms of a choice that fit the path's own keys and indexes. */
export function schemasAt(root: JsonSchema, path: Path): JsonSchema[] {
  let schemas = forms(root);
  for (const part of path) {
    const next: JsonSchema[] = [];
    for (const schema of schemas) {
      if (typeof part === 'number') {
        if (typeof schema['items'] === 'object') next.push(schema['items'] as JsonSchema);
        continue;
      }
      const properties = schema['properties'] as Record<string, JsonSchema> | undefined;
      if (properties && Object.hasOwn(properties, part)) next.push(properties[part]!);
      else if (typeof schema['additionalProperties'] === 'object') next.push(schema['additionalProperties'] as JsonSchema);
    }
    schemas = next.flatMap(forms);
  }
  return schemas;
}

function forms(schema: JsonSchema): JsonSchema[] {
  const parts = [schema];
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    for (const part of (schema[key] as JsonSchema[] | undefined) ?? []) parts.push(...forms(part));
  for (const key of ['then', 'else']) if (typeof schema[key] === 'object') parts.push(...forms(schema[key] as JsonSchema));
  return parts;
}

/** What a schema says of itself, in Markdown. */
export function docsOf(schema: JsonSchema): string | undefined {
  const docs = schema['markdownDescription'] ?? schema['description'];
  return typeof docs === 'string' ? docs : undefined;
}
