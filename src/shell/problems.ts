import type { ErrorObject } from 'ajv/dist/2020.js';
import { NAME_RULE } from './marks.js';
import { EXPECTATIONS } from './schema.js';
import type { CommandInfo, JsonSchema, ShellValidator } from './schema.js';
import { pathKey, pathText } from './source.js';
import type { Path, Source, Findings } from './source.js';
import { nearest, suggestion } from './suggest.js';
import type { Range } from './types.js';

/** Keywords that only say that a part of theirs failed. */
const WRAPPERS = new Set(['if', 'allOf', 'propertyNames']);

/** Turns the schema's errors into findings: one sentence each, at the key or the value concerned. */
export function reportSchemaErrors(findings: Findings, source: Source, validator: ShellValidator, commands: readonly CommandInfo[]): void {
  const errors = validator.validate(source.value);
  const wrong = new Set<string>();
  const said = new Set<string>();
  for (const error of errors) {
    if (error.keyword === 'type') wrong.add(error.instancePath);
  }
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  // A misspelt key is told once, not as a missing one too.
  const misspelt = new Set(errors.flatMap((error) => misspeltKey(error) ?? []));
  for (const error of errors) {
    if (findings.full) return;
    if (error.keyword === 'required' && error.instancePath === '' && misspelt.has(String(error.params['missingProperty']))) continue;
    if (WRAPPERS.has(error.keyword)) continue;
    // The forms of a choice fail one by one; what is told is the choice.
    if (choices.some((choice) => choice !== error && error.schemaPath.startsWith(`${choice.schemaPath}/`))) continue;
    // A value of the wrong type fails its other keywords too; the type says it all.
    if (error.keyword !== 'type' && wrong.has(error.instancePath)) continue;
    const path = toPath(error.instancePath, source);
    const problem = describe(error, path, source, commands, validator.schema);
    const key = `${problem.range.start}:${problem.message}`;
    if (said.has(key)) continue;
    said.add(key);
    findings.error(problem.range, problem.message, {
      field: problem.field,
      suggestion: problem.suggestion,
      missing: problem.missing,
    });
  }
}

/** The key of a shell that an unknown one is taken for. */
function misspeltKey({ keyword, instancePath, params, parentSchema }: ErrorObject): string | undefined {
  if (keyword !== 'additionalProperties' || instancePath !== '') return undefined;
  return nearest(String(params['additionalProperty']), Object.keys((parentSchema?.['properties'] as object | undefined) ?? {}));
}

interface Problem {
  range: Range;
  message: string;
  field: string;
  suggestion?: string;
  /** The key that the shell lacks. */
  missing?: string;
}

function describe(error: ErrorObject, path: Path, source: Source, commands: readonly CommandInfo[], root: JsonSchema): Problem {
  const field = pathText(path);
  const range = rangeOf(source, path);
  const params = error.params as Record<string, unknown>;
  const subject = field === '' ? 'The shell' : `\`${field}\``;
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  const say = (message: string, more: Partial<Problem> = {}): Problem => ({ range, field, message, ...more });
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(String(params['additionalProperty']), path, source, schema, commands);
    case 'required': {
      const key = String(params['missingProperty']);
      const start = path.length === 0 ? { start: range.start, end: range.start } : (keyRange(source, path) ?? range);
      return say(path.length === 0 ? `The shell has no \`${key}\`; ${REQUIRED[key] ?? 'it needs one.'}` : `${subject} needs \`${key}\`.`, {
        range: start,
        ...(path.length === 0 ? { missing: key } : {}),
      });
    }
    case 'type': {
      const expected = typeof schema['x-expected'] === 'string' ? schema['x-expected'] : typeNames(schema['type']);
      const actual = valueAt(source.value, path);
      const quoted = typeof actual === 'number' || typeof actual === 'boolean' ? JSON.stringify(String(actual)) : undefined;
      const text = [schema['type']].flat().includes('string') && quoted !== undefined;
      return say(
        `${subject} must be ${expected}, not ${valueName(actual)}${text ? '; put it in quotes if it is text' : ''}.`,
        text ? { suggestion: quoted } : {},
      );
    }
    case 'anyOf':
    case 'oneOf':
      return say(`${subject} must be ${choiceNames(schema, error.keyword)}, not ${valueName(valueAt(source.value, path))}.`);
    case 'enum':
      return notOneOf(error, path, say, subject, source, formsOf(error, root));
    case 'const':
      return say(`${subject} must be ${JSON.stringify(params['allowedValue'])}, not ${valueName(valueAt(source.value, path))}.`, {
        suggestion: JSON.stringify(params['allowedValue']),
      });
    case 'pattern': {
      if (error.propertyName !== undefined) {
        const inner = [...path, error.propertyName];
        const what = String((error.parentSchema as JsonSchema | undefined)?.['x-expected-name'] ?? 'anything here');
        return say(`"${error.propertyName.slice(0, 80)}" cannot name ${what}; a name is ${NAME_RULE}.`, {
          range: keyRange(source, inner) ?? range,
          field: pathText(inner),
        });
      }
      return say(
        `${subject} must be ${String(schema['x-expected'] ?? `text like ${String(params['pattern'])}`)}, not ${valueName(valueAt(source.value, path))}.`,
      );
    }
    case 'minLength':
      return say(`${subject} must not be empty.`);
    case 'maxLength':
      return say(`${subject} is longer than ${String(params['limit'])} characters.`);
    case 'minItems':
    case 'maxItems': {
      const expected = typeof schema['x-expected'] === 'string' ? schema['x-expected'] : 'a list';
      const length = (valueAt(source.value, path) as unknown[]).length;
      const limit = error.keyword === 'minItems' ? `at least ${String(params['limit'])}` : `at most ${String(params['limit'])}`;
      return say(`${subject} must be ${expected} with ${limit} ${params['limit'] === 1 ? 'entry' : 'entries'}, not ${length}.`);
    }
    case 'minProperties':
      return say(`${subject} must be ${String(schema['x-expected'] ?? 'a map with at least one key')}, not empty.`);
    case 'maxProperties': {
      if (params['limit'] !== 1) return say(`${subject} has more than ${String(params['limit'])} keys.`);
      const keys = Object.keys(valueAt(source.value, path) as object);
      return say(
        `${subject} must be ${String(schema['x-expected'] ?? 'a map of one key')}; here are ${keys.length} keys (${keys.slice(0, 4).join(', ')}), so begin each with a dash of its own.`,
      );
    }
    case 'minimum':
    case 'exclusiveMinimum':
      return say(
        `${subject} must be ${error.keyword === 'minimum' ? 'at least' : 'more than'} ${String(params['limit'])}, not ${valueName(valueAt(source.value, path))}.`,
      );
    case 'maximum':
    case 'exclusiveMaximum':
      return say(
        `${subject} must be ${error.keyword === 'maximum' ? 'at most' : 'less than'} ${String(params['limit'])}, not ${valueName(valueAt(source.value, path))}.`,
      );
    case 'multipleOf':
      return say(`${subject} must be a multiple of ${String(params['multipleOf'])}.`);
    case 'uniqueItems':
      return say(`${subject} holds the same entry twice.`);
    default:
      return say(`${subject} ${error.message ?? 'is not valid'}.`);
  }
}

const REQUIRED: Readonly<Record<string, string>> = {
  format: 'begin with format: 1.',
  shell: 'give it an id such as v1.MEMTRACE or my-shell.',
  family: 'say what is probed: memory, value, salience, temporal or instruction.',
  prompt: 'give the text that the model reads.',
  answer: 'say what the model should say next, such as " red".',
};

/** Keys of other nesting levels or spellings that people try, by what they meant. */
function unknownKey(key: string, path: Path, source: Source, schema: JsonSchema, commands: readonly CommandInfo[]): Problem {
  const inner = [...path, key];
  const range = keyRange(source, inner) ?? rangeOf(source, path);
  const field = pathText(inner);
  const known = Object.keys((schema['properties'] as object | undefined) ?? {});
  const shown = JSON.stringify(key.slice(0, 80));
  if (path[0] === 'run' && path.length === 2) {
    const { text, replacement } = suggestion(key, known);
    return { range, field, suggestion: replacement, message: `There is no command ${shown}; ${text}` };
  }
  if (path[0] === 'expect' && path.length === 2) return unknownExpectation(key, range, field, known, commands);
  if (path.length === 3 && path[0] === 'run') {
    const message =
      known.length === 0
        ? `${String(path[2])} takes no parameters, so ${shown} has no meaning.`
        : `${String(path[2])} has no parameter ${shown}; ${suggestion(key, known).text}`;
    return { range, field, suggestion: nearest(key, known), message };
  }
  const { text, replacement } = suggestion(key, known);
  return {
    range,
    field,
    suggestion: replacement,
    message: `There is no key ${shown} ${path.length === 0 ? 'in a shell' : `in \`${pathText(path)}\``}; ${text}`,
  };
}

function unknownExpectation(key: string, range: Range, field: string, known: readonly string[], commands: readonly CommandInfo[]): Problem {
  const [head, ...rest] = key.split('.');
  const command = commands.find(({ name }) => name === head);
  if (command !== undefined) {
    const measures = Object.keys(command.measures);
    const near = nearest(rest.join('.'), measures);
    const text = near
      ? `did you mean ${JSON.stringify(`${command.name}.${near}`)}?`
      : `it measures ${measures.join(', ') || 'nothing that can be expected'}.`;
    return {
      range,
      field,
      suggestion: near && `${command.name}.${near}`,
      message: `${command.name} measures nothing called "${rest.join('.').slice(0, 80)}"; ${text}`,
    };
  }
  const { text, replacement } = suggestion(key, known);
  const general = replacement
    ? text
    : `known are ${Object.keys(EXPECTATIONS).join(', ')} and a command's measures such as ${known.at(-1) ?? ''}.`;
  return {
    range,
    field,
    suggestion: replacement,
    message: `Nothing called ${JSON.stringify(key.slice(0, 80))} can be expected; ${general}`,
  };
}

function notOneOf(
  error: ErrorObject,
  path: Path,
  say: (message: string, more?: Partial<Problem>) => Problem,
  subject: string,
  source: Source,
  forms: string | null,
): Problem {
  const allowed = (error.params as { allowedValues: unknown[] }).allowedValues.map(String);
  const value = valueAt(source.value, path);
  if (forms !== null && allowed.length === 1) return say(`${subject} must be ${forms}, not ${valueName(value)}.`);
  const near =
    typeof value === 'string' ? suggestion(value, allowed) : { text: `it is one of ${allowed.join(', ')}.`, replacement: undefined };
  return say(`${subject} cannot be ${valueName(value)}; ${near.text}`, { suggestion: near.replacement });
}

/** What a value that may have several forms is to be, where only one of its forms has failed (`allOf/0/then/enum`). */
function formsOf(error: ErrorObject, root: JsonSchema): string | null {
  const outer = /^#\/(.*)\/allOf\/\d+\/then\/enum$/.exec(error.schemaPath);
  if (outer === null) return null;
  let schema: unknown = root;
  for (const part of outer[1]!.split('/')) {
    schema = (schema as Record<string, unknown> | undefined)?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  const expected = (schema as JsonSchema | undefined)?.['x-expected'];
  return typeof expected === 'string' ? expected : null;
}

/** The forms of a choice: its own words for them, else their constants and types. */
function choiceNames(schema: JsonSchema, keyword: string): string {
  if (typeof schema['x-expected'] === 'string') return schema['x-expected'];
  const forms = (schema[keyword] as JsonSchema[]).flatMap((form): string[] => {
    if (typeof form['x-expected'] === 'string') return [form['x-expected']];
    if ('const' in form) return [JSON.stringify(form['const'])];
    if (Array.isArray(form['enum'])) return form['enum'].map((value) => JSON.stringify(value));
    return 'type' in form ? [typeNames(form['type'])] : [];
  });
  return forms.length < 2 ? (forms[0] ?? 'something else') : `${forms.slice(0, -1).join(', ')} or ${forms.at(-1)!}`;
}

function typeNames(type: unknown): string {
  const names: Record<string, string> = {
    string: 'text',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map of keys',
    null: 'nothing',
  };
  const list = [type].flat().map((one) => names[String(one)] ?? String(one));
  return list.length < 2 ? (list[0] ?? 'something else') : `${list.slice(0, -1).join(', ')} or ${list.at(-1)!}`;
}

function valueName(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of keys';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return String(value);
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) here = (here as Record<string | number, unknown> | null | undefined)?.[part];
  return here;
}

/** A JSON pointer as a path; parts that index a list become numbers. */
function toPath(pointer: string, source: Source): (string | number)[] {
  const path: (string | number)[] = [];
  let here: unknown = source.value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const key = Array.isArray(here) ? Number(name) : name;
    path.push(key);
    here = (here as Record<string | number, unknown> | null | undefined)?.[key];
  }
  return path;
}

/** Range of the value at a path, or of the nearest value around it. */
export function rangeOf(source: Source, path: Path): Range {
  for (let length = path.length; length >= 0; length--) {
    const found = source.ranges.get(pathKey(path.slice(0, length)));
    if (found) return found.value;
  }
  return { start: 0, end: 0 };
}

export function keyRange(source: Source, path: Path): Range | undefined {
  return source.ranges.get(pathKey(path))?.key;
}
