import type { Residue, RunTrace } from './types.js';

/** A publication that a method comes from (docs/methods.md), and when a residue makes use of it. */
export interface Reference {
  key: string;
  /** What it stands behind, in words. */
  method: string;
  bibtex: string;
  used(residue: Residue, run: RunTrace | undefined): boolean;
}

interface Work {
  type?: 'article' | 'inproceedings' | 'misc';
  author: string;
  title: string;
  year: number;
  more: Record<string, string>;
}

const arxiv = (id: string): Record<string, string> => ({ eprint: id, archivePrefix: 'arXiv', url: `https://arxiv.org/abs/${id}` });

function bibtex(key: string, { type = 'misc', author, title, year, more }: Work): string {
  const fields = Object.entries({ author, title, year: String(year), ...more }).map(([name, value]) => `  ${name} = {${value}}`);
  return `@${type}{${key},\n${fields.join(',\n')}\n}`;
}

const entry = (key: string, method: string, used: Reference['used'], work: Work): Reference => ({
  key,
  method,
  used,
  bibtex: bibtex(key, work),
});

const ran =
  (...names: string[]): Reference['used'] =>
  (_, run) =>
    run?.commands?.some(({ name }) => names.includes(name)) ?? false;
const tested: Reference['used'] = (_, run) => run?.verification !== undefined;

/** In the order of docs/methods.md. */
export const REFERENCES: readonly Reference[] = [
  entry('nostalgebraist2020logitlens', 'logit lens', (_, run) => run?.lens !== undefined, {
    author: '{nostalgebraist}',
    title: 'interpreting {GPT}: the logit lens',
    year: 2020,
    more: { url: 'https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens' },
  }),
  entry('elhage2021framework', 'direct logit attribution, QK and OV circuits', (_, run) => run?.attribution !== undefined, {
    type: 'article',
    author: 'Elhage, Nelson and Nanda, Neel and Olsson, Catherine and others',
    title: 'A Mathematical Framework for Transformer Circuits',
    year: 2021,
    more: { journal: 'Transformer Circuits Thread', url: 'https://transformer-circuits.pub/2021/framework/index.html' },
  }),
  entry('wang2022ioi', 'direct logit attribution, activation and path patching', (_, run) => run?.attribution !== undefined, {
    author: 'Wang, Kevin and Variengien, Alexandre and Conmy, Arthur and Shlegeris, Buck and Steinhardt, Jacob',
    title: 'Interpretability in the Wild: a Circuit for Indirect Object Identification in {GPT-2} small',
    year: 2022,
    more: arxiv('2211.00593'),
  }),
  entry('kobayashi2020norms', 'value-weighted attention', (_, run) => run?.attention !== undefined, {
    type: 'inproceedings',
    author: 'Kobayashi, Goro and Kuribayashi, Tatsuki and Yokoi, Sho and Inui, Kentaro',
    title: 'Attention is Not Only a Weight: Analyzing Transformers with Vector Norms',
    year: 2020,
    more: {
      booktitle: 'Proceedings of the 2020 Conference on Empirical Methods in Natural Language Processing (EMNLP)',
      pages: '7057--7075',
      doi: '10.18653/v1/2020.emnlp-main.574',
    },
  }),
  entry('abnar2020flow', 'attention rollout', (_, run) => run?.attention?.rollout !== undefined, {
    type: 'inproceedings',
    author: 'Abnar, Samira and Zuidema, Willem',
    title: 'Quantifying Attention Flow in Transformers',
    year: 2020,
    more: {
      booktitle: 'Proceedings of the 58th Annual Meeting of the Association for Computational Linguistics',
      pages: '4190--4197',
      doi: '10.18653/v1/2020.acl-main.385',
    },
  }),
  entry('welleck2019unlikelihood', 'repetition of a continuation (rep-4)', (_, run) => run?.looping !== undefined, {
    author: 'Welleck, Sean and Kulikov, Ilia and Roller, Stephen and Dinan, Emily and Cho, Kyunghyun and Weston, Jason',
    title: 'Neural Text Generation with Unlikelihood Training',
    year: 2019,
    more: arxiv('1908.04319'),
  }),
  entry('wilson1927inference', 'intervals of shares', ({ density }) => density !== undefined, {
    type: 'article',
    author: 'Wilson, Edwin B.',
    title: 'Probable Inference, the Law of Succession, and Statistical Inference',
    year: 1927,
    more: { journal: 'Journal of the American Statistical Association', volume: '22', number: '158', pages: '209--212' },
  }),
  entry('geva2023recall', 'attention knockout', (...of) => tested(...of) || ran('INHIBIT')(...of), {
    author: 'Geva, Mor and Bastings, Jasmijn and Filippova, Katja and Globerson, Amir',
    title: 'Dissecting Recall of Factual Associations in Auto-Regressive Language Models',
    year: 2023,
    more: arxiv('2304.14767'),
  }),
  entry('sundararajan2017axiomatic', 'attribution of the entropy', (_, run) => run?.nothing !== undefined, {
    author: 'Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi',
    title: 'Axiomatic Attribution for Deep Networks',
    year: 2017,
    more: arxiv('1703.01365'),
  }),
  entry('cancedda2024spectral', 'null-space volume', ({ nullSpace }) => nullSpace !== undefined, {
    author: 'Cancedda, Nicola',
    title: 'Spectral Filters, Dark Signals, and Attention Sinks',
    year: 2024,
    more: arxiv('2402.09221'),
  }),
  entry('meng2022rome', 'activation patching', tested, {
    author: 'Meng, Kevin and Bau, David and Andonian, Alex and Belinkov, Yonatan',
    title: 'Locating and Editing Factual Associations in {GPT}',
    year: 2022,
    more: arxiv('2202.05262'),
  }),
  entry('heimersheim2024patching', 'denoising and noising', tested, {
    author: 'Heimersheim, Stefan and Nanda, Neel',
    title: 'How to use and interpret activation patching',
    year: 2024,
    more: arxiv('2404.15255'),
  }),
  entry('mcgrath2023hydra', 'self-repair', (_, run) => (run?.verification?.effects.length ?? 0) > 0, {
    author: "McGrath, Thomas and Rahtz, Matthew and Kram{\\'a}r, J{\\'a}nos and Mikulik, Vladimir and Legg, Shane",
    title: 'The Hydra Effect: Emergent Self-repair in Language Model Computations',
    year: 2023,
    more: arxiv('2307.15771'),
  }),
  entry('ameisen2025circuit', 'attribution graph', (_, run) => run?.graph !== undefined, {
    type: 'article',
    author: 'Ameisen, Emmanuel and Lindsey, Jack and Pearce, Adam and others',
    title: 'Circuit Tracing: Revealing Computational Graphs in Language Models',
    year: 2025,
    more: { journal: 'Transformer Circuits Thread', url: 'https://transformer-circuits.pub/2025/attribution-graphs/methods.html' },
  }),
  entry('goldowskydill2023path', 'path patching of edges', (_, run) => run?.graph !== undefined, {
    author: 'Goldowsky-Dill, Nicholas and MacLeod, Chris and Sato, Lucas and Arora, Aryaman',
    title: 'Localizing Model Behavior with Path Patching',
    year: 2023,
    more: arxiv('2304.05969'),
  }),
  entry('olsson2022induction', 'induction heads', (_, run) => run?.looping?.carrier != null || ran('PREDICT')(_, run), {
    author: 'Olsson, Catherine and Elhage, Nelson and Nanda, Neel and others',
    title: 'In-context Learning and Induction Heads',
    year: 2022,
    more: arxiv('2209.11895'),
  }),
  entry('lin1991divergence', 'Jensen-Shannon divergence', ran('DISTILL', 'SPLICE', 'NULLIFY'), {
    type: 'article',
    author: 'Lin, Jianhua',
    title: 'Divergence Measures Based on the {Shannon} Entropy',
    year: 1991,
    more: { journal: 'IEEE Transactions on Information Theory', volume: '37', number: '1', pages: '145--151' },
  }),
  entry('benjamini1995fdr', 'q-values', (_, run) => run?.nulls !== undefined, {
    type: 'article',
    author: 'Benjamini, Yoav and Hochberg, Yosef',
    title: 'Controlling the False Discovery Rate: A Practical and Powerful Approach to Multiple Testing',
    year: 1995,
    more: { journal: 'Journal of the Royal Statistical Society: Series B', volume: '57', number: '1', pages: '289--300' },
  }),
  entry('phipson2010permutation', 'p-values that are never zero', (_, run) => run?.nulls !== undefined, {
    type: 'article',
    author: 'Phipson, Belinda and Smyth, Gordon K.',
    title: 'Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly Drawn',
    year: 2010,
    more: {
      journal: 'Statistical Applications in Genetics and Molecular Biology',
      volume: '9',
      number: '1',
      doi: '10.2202/1544-6115.1585',
    },
  }),
];

/** The publications behind what a residue holds of its headline. */
export function referencesOf(residue: Residue): Reference[] {
  const run = residue.runs[residue.primary];
  return REFERENCES.filter(({ used }) => used(residue, run));
}

/** The program itself, as a BibTeX entry. */
export function programReference(version: string): string {
  return bibtex('symbolicresidue', {
    author: '{Symbolic Residue contributors}',
    title: '{Symbolic Residue}: probing how prompts fail inside a local language model',
    year: 2026,
    more: { note: `Version ${version}`, url: 'https://github.com/symbolic-residue/symbolic-residue' },
  });
}
