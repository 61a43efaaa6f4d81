import { z } from 'zod';
import type { Summary } from '../agent/summary.js';
import type { Answer, ProbePromptInput, ReadResidueInput, RunShellInput } from '../agent/tools.js';

/** What each tool takes and gives, as the protocol publishes it. The editor's tools have the same inputs (package.json). */

const text = (description: string) => z.string().describe(description);
const path = (description: string) => z.string().min(1).max(4096).describe(description);

const asked = {
  sections: z
    .array(z.string().max(40))
    .max(64)
    .optional()
    .describe(
      "Parts of the residue to give in full besides the summary, by names from the summary's `sections`. They can be large: ask for what it leaves open.",
    ),
  run: z
    .string()
    .max(400)
    .optional()
    .describe('Run that the sections are of, by a name from `margins`, or `control`; default: the headline.'),
};

const made = {
  model: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'A bundled model (`pocket`, `pocket-small`, `pocket-gpt2`), or the path of a model folder, .safetensors, .gguf or llama2.c .bin file.',
    ),
  seed: z.int().min(0).max(0xffff_ffff).optional().describe('Seed of everything that is drawn; default 0.'),
  save: path('Only if the user asks for a file: where to keep the whole residue, a new *.residue.json inside the workspace.').optional(),
};

export const runShellInput = {
  path: path('A *.shell.yaml file inside the workspace. Give this or `text`.').optional(),
  text: z
    .string()
    .max(1 << 20)
    .optional()
    .describe('The YAML of a shell (format 1). Give this or `path`.'),
  ...made,
  commands: z.array(z.string().max(40)).max(64).optional().describe("Run only these of the shell's commands, by name; default all."),
  vary: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .optional()
    .describe("Run only these of the shell's values of `vary`, each `name=value`; default all. What takes all of them is then not judged."),
  verify: z
    .union([z.boolean(), z.literal('full')])
    .optional()
    .describe(
      'Test causes by intervention: true also where nothing fails, full each position on its own, false never; default as the shell says.',
    ),
  ...asked,
};

export const probePromptInput = {
  prompt: z.string().min(1).max(1_000_000).describe('What the model reads; its next token is what is looked at.'),
  answer: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe("What should come next, leading space included; default: the model's own top token."),
  rivals: z.array(z.string().min(1).max(1000)).max(64).optional().describe("What might come instead; default: the model's own top tokens."),
  ...made,
  ...asked,
};

export const readResidueInput = { path: path('A *.residue.json file inside the workspace.'), ...asked };

const nullable = <T extends z.ZodType>(type: T) => type.nullable();
const evidence = z
  .enum(['read off', 'tested by intervention'])
  .describe('read off: it suggests. tested by intervention: only this may be called a cause.');
const nats = z.number().describe('nats');
const share = z.number().min(0).max(1);
const said = z.object({ text: z.string(), probability: share });
const layer = nullable(z.int().min(0));
const doubts = z.array(z.string()).describe('`within its null`, `unstable`; empty: it fails neither, or was not asked.');

const summary = z.object({
  shell: z.object({ id: z.string(), title: z.string(), family: z.string(), file: nullable(z.string()) }),
  model: z.object({ id: z.string(), family: z.string(), layers: z.int(), heads: z.int(), parameters: z.number() }),
  status: z.enum(['running', 'complete', 'cancelled']),
  verdict: text('The headline in words.'),
  failed: nullable(z.boolean()),
  headline: text('Name of the run that the headline is about.'),
  answer: nullable(z.object({ text: z.string(), probability: share, rank: z.int().min(1) })),
  rivals: z.array(said),
  says: z.array(said),
  margins: z
    .array(z.object({ run: z.string(), vary: z.record(z.string(), z.string()), tokens: z.int(), margin: nats, failed: z.boolean() }))
    .describe('log p(answer) − log p(strongest rival) of each run; negative: it fails.'),
  control: nullable(z.object({ margin: nats, failed: z.boolean() })),
  paraphrases: nullable(z.object({ failing: z.int(), of: z.int() })),
  density: nullable(z.object({ failing: z.int(), of: z.int(), interval: z.tuple([share, share]) })).describe(
    'Share of failing runs with its Wilson 95 % interval.',
  ),
  collapse: nullable(z.object({ kind: z.enum(['none', 'lost', 'never-formed']), layer, evidence: z.literal('read off'), doubts })),
  causedInterval: nullable(z.object({ from: layer, to: layer, evidence: z.literal('tested by intervention'), doubts })),
  diagnosis: nullable(z.object({ kind: z.string(), sentence: z.string(), evidence, agree: nullable(z.string()), doubts })),
  heads: z
    .array(
      z.object({
        head: text('layer.head'),
        contribution: nats,
        attentionToSpan: nullable(share),
        verdict: nullable(z.string()),
        verdictTested: z.boolean(),
        verdictDoubts: doubts,
        ablated: nullable(nats).describe('Change of the margin when the head is replaced by zero.'),
      }),
    )
    .describe('The heads with the largest direct contributions to the margin.'),
  claims: z.array(
    z.object({
      sentence: z.string(),
      evidence,
      p: nullable(share).describe('p or q against its null.'),
      agree: nullable(z.string()),
      doubts,
    }),
  ),
  patterns: z.array(z.object({ name: z.string(), score: z.number(), doubts })),
  expectations: z.object({ passed: z.int(), failed: z.array(z.object({ message: z.string(), line: z.int() })) }),
  caveats: z.array(z.string()).describe('What must be known before believing the rest. Tell the user of them.'),
  reproduce: text('A command that gives the same numbers again.'),
  sections: z.array(z.string()).describe('What can be asked for in full.'),
}) satisfies z.ZodType<Summary>;

export const answerOutput = {
  summary,
  saved: nullable(z.string()).describe('Where the residue was saved; null where nothing was written.'),
  details: z
    .object({
      run: z.string(),
      sections: z.record(z.string(), z.unknown()),
      omitted: z.array(z.object({ section: z.string(), why: z.string() })),
    })
    .optional(),
};

/** Held to the types of the tools by the compiler. */
export type Inputs = [
  z.infer<z.ZodObject<typeof runShellInput>> extends RunShellInput ? true : never,
  z.infer<z.ZodObject<typeof probePromptInput>> extends ProbePromptInput ? true : never,
  z.infer<z.ZodObject<typeof readResidueInput>> extends ReadResidueInput ? true : never,
  Answer extends z.infer<z.ZodObject<typeof answerOutput>> ? true : never,
];
