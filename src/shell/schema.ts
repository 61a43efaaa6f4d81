import { Ajv2020 } from 'ajv/dist/2020.js';
import type { CodeOptions, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Command } from '../commands/types.js';
import { DIAGNOSES } from '../residue/schema-diagnosis.js';
import { FAMILIES } from './families.js';
import { MAX_TEXT, PROMPT, answer, byType, chat, name, prompt, rivals, text, tokenPrompt, vary } from './schema-forms.js';

/** What the shell file's schema, completion and hovers need to know of a command. */
export type CommandInfo = Pick<Command, 'name' | 'summary' | 'docs' | 'params' | 'snippet' | 'measures'>;

export type JsonSchema = Record<string, unknown>;

/** Where the schema is published, and its `$id`. */
export const SCHEMA_ID = 'https://raw.githubusercontent.com/symbolic-residue/symbolic-residue/main/media/schemas/shell.schema.json';

/** The failure patterns. */
export const PATTERNS: Readonly<Record<string, { summary: string }>> = {
  'recursive-looping': {
    summary: 'The generation repeats itself, or attention is trapped near itself, and recall failed.',
  },
  'value-competition': { summary: 'Candidates rise together and none wins.' },
  'signal-attenuation': { summary: 'Heads still look at the source, but its contribution is gone.' },
  'temporal-dislocation': { summary: 'Attention lands on the wrong moment.' },
  'instruction-conflict': { summary: 'Two instructions suppress one another.' },
};

/** What `expect` may test besides the commands' own measures. */
export const EXPECTATIONS: Readonly<Record<string, { want: 'present' | 'pattern' | 'number' | 'kind' | 'diagnosis'; summary: string }>> = {
  failure: { want: 'present', summary: '`present` if the answer must lose to a rival at the output, `absent` if it must win.' },
  pattern: { want: 'pattern', summary: 'A failure pattern that must be found.' },
  margin: { want: 'number', summary: 'Log-probability of the answer minus that of the best rival, in nats.' },
  drop: { want: 'number', summary: "The control's margin minus the probe's, in nats." },
  'collapse.kind': {
    want: 'kind',
    summary: '`lost` if the answer led at some layer, `never-formed` if it never did, `none` if it did not fail.',
  },
  'collapse.layer': { want: 'number', summary: 'The layer at which the answer was lost (observed).' },
  diagnosis: { want: 'diagnosis', summary: 'What the run must come down to, such as `qk-collapse`.' },
  'density.share': { want: 'number', summary: 'Share of all varied and paraphrased runs that fail, from 0 to 1.' },
};

const id = '^(v[0-9]{1,4}\\.[A-Z][A-Z0-9]*(-[A-Z0-9]+)*|[a-z0-9]+(-[a-z0-9]+)*)$';

const BOUND = 'a number, or one of {below: n}, {above: n}, {between: [a, b]}, {equals: value}';

const bound: JsonSchema = byType(
  [
    ['number', {}],
    [
      'object',
      {
        minProperties: 1,
        additionalProperties: false,
        'x-expected': BOUND,
        properties: {
          below: { type: 'number', description: 'Must be less than this.' },
          above: { type: 'number', description: 'Must be more than this.' },
          between: {
            type: 'array',
            minItems: 2,
            maxItems: 2,
            items: { type: 'number' },
            description: 'Must be from the first to the second, both included.',
            'x-expected': 'two numbers, [least, most]',
          },
          equals: { type: ['number', 'string', 'boolean'], description: 'Must be this.' },
        },
      },
    ],
  ],
  BOUND,
);

/** One expectation's schema by what it compares. */
function wantSchema(want: 'present' | 'pattern' | 'number' | 'kind' | 'diagnosis' | 'measure'): JsonSchema {
  switch (want) {
    case 'present':
      return { type: 'string', enum: ['present', 'absent'] };
    case 'pattern':
      return { type: 'string', enum: Object.keys(PATTERNS) };
    case 'kind':
      return { type: 'string', enum: ['none', 'lost', 'never-formed'] };
    case 'diagnosis':
      return { type: 'string', enum: [...DIAGNOSES] };
    case 'number':
      return bound;
    case 'measure':
      return {
        type: ['number', 'string', 'boolean', 'object'],
        allOf: [{ if: { type: 'object' }, then: bound }],
        'x-expected': BOUND.replace('a number', 'a value'),
      };
  }
}

/** `{ span: fact }`, from the command's snippet. */
function exampleParams(command: CommandInfo): string {
  return command.snippet.replace(/\$\{\d+:([^}]*)\}/g, '$1').replace(/^[^:]*:\s*/, '') || '{}';
}

/** A command's parameters as the schema has them: an object without unknown keys; nothing at all where no key is needed. */
function paramSchema(command: CommandInfo): JsonSchema {
  const required = command.params['required'];
  const needs = Array.isArray(required) && required.length > 0;
  return {
    additionalProperties: false,
    ...command.params,
    type: needs ? 'object' : ['object', 'null'],
    'x-expected': `the parameters of ${command.name}, such as ${exampleParams(command)}`,
  };
}

/** The JSON Schema (draft 2020-12) of a shell file in which these commands can be run. */
export function buildShellSchema(commands: readonly CommandInfo[]): JsonSchema {
  const expectations: Record<string, JsonSchema> = {};
  for (const [path, { want, summary }] of Object.entries(EXPECTATIONS)) expectations[path] = { ...wantSchema(want), description: summary };
  for (const command of commands) {
    for (const [measure, { unit, summary }] of Object.entries(command.measures)) {
      expectations[`${command.name}.${measure}`] = { ...wantSchema('measure'), description: unit ? `${summary} (${unit})` : summary };
    }
  }
  const calls: Record<string, JsonSchema> = {};
  for (const command of commands)
    calls[command.name] = { description: command.summary, markdownDescription: command.docs, ...paramSchema(command) };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: SCHEMA_ID,
    title: 'Symbolic Residue shell, format 1',
    description:
      'A prompt built to make a language model fail in a controlled way, its matched control, and the commands that measure the failure.',
    type: 'object',
    required: ['format', 'shell', 'family', 'prompt', 'answer'],
    additionalProperties: false,
    'x-expected': 'a map of keys such as format, shell and prompt',
    properties: {
      format: { const: 1, description: 'The version of this file format: 1.' },
      shell: {
        type: 'string',
        pattern: id,
        maxLength: 80,
        description: 'The shell’s id: v<number>.<NAME>, or a name of your own in lower case with dashes.',
        'x-expected': 'v<number>.<NAME> such as v1.MEMTRACE, or lower-case words with dashes such as my-shell',
      },
      title: { type: 'string', minLength: 1, maxLength: 200, description: 'One line that says what the shell asks.' },
      family: {
        type: 'string',
        enum: Object.keys(FAMILIES),
        description: `What is probed: ${Object.keys(FAMILIES).join(', ')}.`,
      },
      motivation: { type: 'string', maxLength: 20000, description: 'Why the shell is as it is; shown in the panel.' },
      model: {
        type: 'string',
        minLength: 1,
        maxLength: 4096,
        description: "A catalogue id such as pocket, or the path of a model's folder or file. Without it: the workspace's setting.",
      },
      prompt: prompt(
        'What is probed. `[[name|text]]` marks a span, `{{name}}` is filled from `vary` or `let`; a backslash in front makes these characters themselves.',
      ),
      control: prompt('The matched prompt in which the model should succeed, so that the difference is the failure alone.'),
      answer: answer(
        'What the model should say next, with the space in front of it. Its first token is compared at every layer, the whole text at the output.',
      ),
      rivals,
      let: {
        type: 'object',
        maxProperties: 64,
        propertyNames: { pattern: name, 'x-expected-name': 'a placeholder' },
        additionalProperties: { ...text(), 'x-expected': 'text' },
        description: 'Texts by name, for use as `{{name}}` in prompts.',
        'x-expected': 'texts by name, such as {place: "the lake"}',
      },
      vary,
      paraphrases: {
        type: 'array',
        maxItems: 256,
        description: 'Further prompts that should behave like the first; each may bring its own answer and rivals.',
        'x-expected': 'a list of prompts',
        items: byType(
          [
            ['string', { minLength: 1, maxLength: MAX_TEXT }],
            ['array', chat],
            [
              'object',
              {
                if: { required: ['tokens'] },
                then: tokenPrompt,
                else: {
                  required: ['prompt'],
                  additionalProperties: false,
                  properties: {
                    prompt: prompt('The paraphrase.'),
                    answer: answer("Its answer; default: the shell's."),
                    rivals,
                  },
                },
              },
            ],
          ],
          `${PROMPT}, or {prompt, answer, rivals}`,
        ),
      },
      run: {
        type: 'array',
        maxItems: 64,
        description: `The commands, in order: ${commands.map((command) => command.name).join(', ')}.`,
        'x-expected': 'a list of commands, such as [ANCHOR: {span: fact}]',
        items: {
          type: 'object',
          minProperties: 1,
          maxProperties: 1,
          additionalProperties: false,
          properties: calls,
          'x-expected': 'one command with its parameters, such as ANCHOR: {span: fact}',
        },
      },
      graph: {
        type: 'boolean',
        default: false,
        description: 'Whether the attribution graph of the headline’s run is made, each of its edges tested by intervention.',
        'x-expected': 'true or false',
      },
      generate: {
        type: 'object',
        additionalProperties: false,
        description: 'How the model’s own continuation is made.',
        'x-expected': '{tokens, temperature, seed}',
        properties: {
          tokens: { type: 'integer', minimum: 1, maximum: 4096, default: 40, description: 'How many tokens at most.' },
          temperature: {
            type: 'number',
            minimum: 0,
            maximum: 10,
            default: 0,
            description: '0 takes the likeliest token every time; above, tokens are drawn.',
          },
          seed: { type: 'integer', minimum: 0, maximum: 4294967295, default: 0, description: 'Seed of the drawing.' },
        },
      },
      verify: {
        type: 'boolean',
        description:
          'Whether causes are tested by intervention: activations of the control patched into the probe, the source span cut off, the named heads and layers ablated. Default: where the shell fails.',
        'x-expected': 'true or false',
      },
      expect: {
        type: 'array',
        maxItems: 256,
        description: 'Assertions; each becomes a test result with a message at its line.',
        'x-expected': 'a list of expectations, such as [failure: present]',
        items: {
          type: 'object',
          minProperties: 1,
          maxProperties: 1,
          additionalProperties: false,
          properties: expectations,
          'x-expected': 'one expectation, such as failure: present',
        },
      },
    },
  };
}

export interface ShellValidator {
  schema: JsonSchema;
  validate: (value: unknown) => readonly ErrorObject[];
}

const validators = new WeakMap<readonly CommandInfo[], ShellValidator>();

/** The validator's settings: every error at once, each with the part of the schema that it is about. */
export function shellAjv(code: CodeOptions = { optimize: false }): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    // The schema is this program's own, checked by a test; without both of these it compiles in half the time.
    validateSchema: false,
    code,
  });
  ajv.addVocabulary(['x-span', 'x-expected', 'x-expected-name', 'markdownDescription']);
  return ajv;
}

/**
 * The compiled schema for a list of commands; made once per list.
 * @param precompiled The same, compiled when the program was built (precompiled.ts).
 */
export function shellValidator(commands: readonly CommandInfo[], precompiled: ValidateFunction | null = null): ShellValidator {
  let known = validators.get(commands);
  if (known === undefined) {
    const schema = buildShellSchema(commands);
    const validate = precompiled ?? shellAjv().compile(schema);
    known = { schema, validate: (value) => (validate(value) ? [] : [...(validate.errors ?? [])]) };
    validators.set(commands, known);
  }
  return known;
}
