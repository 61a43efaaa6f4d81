import { commandAnchor } from '../method-anchors.js';

/** What a word of a shell file stands for, beyond its one line in the schema: method, formula and paper. */
export interface Explained {
  /** Markdown. */
  docs: string;
  /** Heading of docs/methods.md, as an anchor. */
  page: string;
}

const LENS = 'nostalgebraist, *Interpreting GPT: the logit lens* (2020)';
const LOOPING = 'Welleck et al., *Neural Text Generation with Unlikelihood Training* (2020)';

/** By key of `expect`, by failure pattern, and by key of the shell. */
export const EXPLAINED: Readonly<Record<string, Explained>> = {
  failure: {
    docs: 'The prompt fails when its margin at the output is below 0: m_L = log p(answer) − max over the rivals of log p < 0.',
    page: 'failure',
  },
  margin: {
    docs: `m_l = log p_l(answer) − max over r ∈ rivals of log p_l(r), in nats, first tokens. At layers below the last, p_l = softmax U · N(r_l(p)) (logit lens; ${LENS}).`,
    page: 'margin',
  },
  drop: { docs: 'm_L(control) − m_L(probe), in nats: what the probe loses against its matched control.', page: 'failure' },
  'collapse.kind': {
    docs: `Read off the margin by layer (${LENS}): \`lost\` if it was ahead by more than the noise at some layer and fell below 0 for good, \`never-formed\` if it never was.`,
    page: 'collapse-point-observed',
  },
  'collapse.layer': {
    docs: `\`lost\`: the first layer after the peak of m_l from which it stays below 0. \`never-formed\`: the layer from which the control leads to the end. **Read off** (${LENS}); patching tests it.`,
    page: 'collapse-point-observed',
  },
  'density.share': {
    docs: 'Failing runs / all runs, over the values of `vary` and the paraphrases, with the Wilson 95 % interval (Wilson 1927).',
    page: 'failure-density',
  },
  diagnosis: {
    docs: 'The one statement that a run comes down to. A head with a verdict is its cause where undoing what became of it gives back half of the drop or more (**tested by intervention**).',
    page: 'diagnosis',
  },
  pattern: {
    docs: 'A failure pattern: each has a score in [0, 1], a p-value against its null, and a second opinion.',
    page: 'failure-patterns',
  },
  graph: {
    docs: 'Embeddings, heads and MLPs as nodes, direct contributions as edges, pruned as in circuit-tracer (Ameisen et al. 2025), every edge tested by path patching.',
    page: 'attribution-graph',
  },
  verify: {
    docs: 'Activation patching with recovery R = (m_patched − m_probe) / (m_control − m_probe), knockout, zero, mean and resample ablation (Vig et al. 2020; Meng et al. 2022).',
    page: 'activation-patching',
  },
  'recursive-looping': {
    docs: `Recall failed, and the continuation's tail repeats three times or more, or attention is trapped near the answer position in a quarter of the middle layers' heads (rep-4: ${LOOPING}).`,
    page: 'recursive-looping-pattern',
  },
  'value-competition': {
    docs: 'Two candidates have 0.1 at the output, or the margin changes its sign twice in the later half of the layers; and the leader has less than twice the runner-up’s probability. Null: 32 sets of random tokens.',
    page: 'failure-patterns',
  },
  'signal-attenuation': {
    docs: 'What the heads have written from the span toward the answer ends below 25 % of its peak, while attention to it after the peak is at least half of what it was before (SENSE). Null: random spans.',
    page: 'failure-patterns',
  },
  'temporal-dislocation': {
    docs: 'Of the time anchors (REMEMBER), the most attended or the most written is not the right one, or becomes another under SHIFT. Null: random spans in place of the wrong anchor.',
    page: 'failure-patterns',
  },
  'instruction-conflict': {
    docs: 'After the last layer less than half of either instruction’s own direction is left (SPLICE), or the output is neither’s. Null: 32 random pairs of spans.',
    page: 'failure-patterns',
  },
};

/** The page of a command, or of the command in `INHIBIT.effect`. */
export function pageOfCommand(name: string): string | undefined {
  const [head = ''] = name.split('.');
  return commandAnchor(head) ?? undefined;
}

export function explained(name: string): Explained | undefined {
  return Object.hasOwn(EXPLAINED, name) ? EXPLAINED[name] : undefined;
}
