import { paraphrasesOf, runLabel } from '../residue/report/verdict.js';
import { clears, collapseDoubts, doubts, doubtsOf, nothingConfirmed } from '../residue/standing.js';
import type { Opinion, Residue, RunTrace } from '../residue/types.js';
import { sectionNames } from './sections.js';

/** `read off`: computed from a run in which nothing was changed. `tested by intervention`: something was changed and measured again. */
type Evidence = 'read off' | 'tested by intervention';

/** What an agent is told of a residue: small enough for its context, with everything needed to ask for more. Nats and shares. */
export interface Summary {
  shell: { id: string; title: string; family: string; file: string | null };
  model: { id: string; family: string; layers: number; heads: number; parameters: number };
  status: 'running' | 'complete' | 'cancelled';
  /** The headline in words. */
  verdict: string;
  failed: boolean | null;
  /** Name of the run that the headline is about. */
  headline: string;
  answer: { text: string; probability: number; rank: number } | null;
  rivals: { text: string; probability: number }[];
  says: { text: string; probability: number }[];
  /** Margin of the answer over its strongest rival, run by run; negative: the prompt fails. */
  margins: { run: string; vary: Record<string, string>; tokens: number; margin: number; failed: boolean }[];
  control: { margin: number; failed: boolean } | null;
  paraphrases: { failing: number; of: number } | null;
  density: { failing: number; of: number; interval: [number, number] } | null;
  collapse: { kind: 'none' | 'lost' | 'never-formed'; layer: number | null; evidence: 'read off'; doubts: string[] } | null;
  causedInterval: { from: number | null; to: number | null; evidence: 'tested by intervention'; doubts: string[] } | null;
  diagnosis: { kind: string; sentence: string; evidence: Evidence; agree: string | null; doubts: string[] } | null;
  /** The heads with the largest contributions to the margin. */
  heads: {
    head: string;
    contribution: number;
    attentionToSpan: number | null;
    verdict: string | null;
    verdictTested: boolean;
    /** Of the verdict: `within its null`, `unstable`. */
    verdictDoubts: string[];
    /** Change of the margin when the head is replaced by zero; null where that was not tested. */
    ablated: number | null;
  }[];
  claims: { sentence: string; evidence: Evidence; p: number | null; agree: string | null; doubts: string[] }[];
  patterns: { name: string; score: number; doubts: string[] }[];
  expectations: { passed: number; failed: { message: string; line: number }[] };
  /** What must be known before believing the rest. */
  caveats: string[];
  reproduce: string;
  /** What can be asked for in full. */
  sections: string[];
}

const MOST = { margins: 24, heads: 8, claims: 12, texts: 3, words: 600 } as const;

const cut = (text: string, length: number = MOST.words): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
const round = (x: number): number => Number(x.toPrecision(4));
const evidence = (kind: 'observed' | 'caused'): Evidence => (kind === 'caused' ? 'tested by intervention' : 'read off');

/** What a residue comes down to. A cancelled one gives what it has. */
export function summarize(residue: Residue): Summary {
  const { shell, provenance, verdict, density, status } = residue;
  const run = residue.runs[residue.primary];
  const { model } = provenance;
  const alike = run ? paraphrasesOf(residue, run) : [];
  const interval = run?.verification?.interval;
  const diagnosis = verdict?.diagnosis;
  return {
    shell: { id: cut(shell.id), title: cut(shell.title), family: shell.family, file: shell.file },
    model: { id: model.id, family: model.family, layers: model.layers, heads: model.heads, parameters: model.parameters },
    status,
    verdict: cut(verdict?.sentence ?? `Not finished: cancelled at ${residue.cancelledAt ?? 'an unknown step'}.`),
    failed: verdict?.failed ?? null,
    headline: run?.name ?? '',
    ...scores(run),
    margins: residue.runs
      .flatMap((one) => (one.scores ? [{ run: one.name, vary: one.vary, tokens: one.tokens.length, ...margin(one.scores) }] : []))
      .slice(0, MOST.margins),
    control: residue.control?.scores ? margin(residue.control.scores) : null,
    paraphrases: alike.length ? { failing: alike.filter((one) => one.scores?.failed).length, of: alike.length } : null,
    density: density
      ? { failing: density.failing, of: density.total, interval: [round(density.interval[0]), round(density.interval[1])] }
      : null,
    collapse: run?.collapse
      ? { kind: run.collapse.kind, layer: run.collapse.layer, evidence: 'read off', doubts: collapseDoubts(residue, run) }
      : null,
    causedInterval: interval
      ? { from: interval.from, to: interval.to, evidence: 'tested by intervention', doubts: doubtsOf(interval) }
      : null,
    diagnosis: diagnosis
      ? {
          kind: diagnosis.kind,
          sentence: cut(diagnosis.sentence),
          evidence: evidence(diagnosis.evidence),
          agree: agreement(diagnosis.opinion),
          doubts: doubtsOf(diagnosis),
        }
      : null,
    heads: run ? heads(run) : [],
    claims: (residue.claims ?? []).slice(0, MOST.claims).map((claim) => ({
      sentence: cut(claim.sentence),
      evidence: evidence(claim.evidence),
      p: claim.null ? round(claim.null.q ?? claim.null.p) : null,
      agree: agreement(claim.opinion),
      doubts: doubts(claim),
    })),
    patterns: (verdict?.patterns ?? [])
      .filter(({ present }) => present)
      .map((one) => ({ name: one.name, score: round(one.score), doubts: doubtsOf(one) })),
    expectations: {
      passed: residue.expectations.filter(({ passed }) => passed).length,
      failed: residue.expectations.filter(({ passed }) => !passed).map(({ message, line }) => ({ message: cut(message), line })),
    },
    caveats: caveats(residue, run).map((one) => cut(one)),
    reproduce: provenance.command,
    sections: sectionNames(residue, run),
  };
}

const agreement = (opinion: Opinion | null): string | null => (opinion ? `${opinion.agree} of ${opinion.of}` : null);

const margin = ({ margin, failed }: { margin: number; failed: boolean }): { margin: number; failed: boolean } => ({
  margin: round(margin),
  failed,
});

function scores(run: RunTrace | undefined): Pick<Summary, 'answer' | 'rivals' | 'says'> {
  if (!run?.scores) return { answer: null, rivals: [], says: [] };
  const { answer, rivals, top } = run.scores;
  return {
    answer: { text: answer.text, probability: round(Math.exp(answer.logprob)), rank: answer.rank + 1 },
    rivals: [...rivals]
      .sort((a, b) => b.logprob - a.logprob)
      .slice(0, MOST.texts)
      .map(({ text, logprob }) => ({ text, probability: round(Math.exp(logprob)) })),
    says: top.slice(0, MOST.texts).map(({ text, prob }) => ({ text, probability: round(prob) })),
  };
}

function heads({ attribution, attention, headVerdicts, verification }: RunTrace): Summary['heads'] {
  const span = headVerdicts?.span ?? Object.keys(attention?.spans ?? {})[0];
  return (attribution?.head ?? [])
    .flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer || a.head - b.head)
    .slice(0, MOST.heads)
    .map(({ layer, head, contribution }) => {
      const verdict = headVerdicts?.heads.find((one) => one.layer === layer && one.head === head);
      const effect = verification?.effects.find((one) => one.layer === layer && one.head === head);
      const mass = span === undefined ? undefined : attention?.spans[span]?.attention[layer]?.[head];
      return {
        head: `${layer}.${head}`,
        contribution: round(contribution),
        attentionToSpan: mass === undefined ? null : round(mass),
        verdict: verdict && verdict.verdict !== 'none' ? verdict.verdict : null,
        verdictTested: verdict?.test?.confirmed ?? false,
        verdictDoubts: verdict && verdict.verdict !== 'none' ? doubtsOf(verdict) : [],
        ablated: effect ? round(effect.zero) : null,
      };
    });
}

function caveats(residue: Residue, run: RunTrace | undefined): string[] {
  const { verdict, runs, claims = [], checks } = residue;
  const within = claims.filter((claim) => clears(claim.null) === false).length;
  const unstable = claims.filter(({ stable }) => stable === false).length;
  const broken = checks.filter(({ passed }) => !passed);
  const open = verdict?.failed ? nothingConfirmed(residue, run) : null;
  return [
    ...(open === null
      ? []
      : [
          `${open === 'no cause confirmed' ? 'No cause was confirmed by intervention' : 'No cause was tested by intervention'}: what is read off only suggests.`,
        ]),
    ...(verdict?.controlSucceeded === false ? ['The control failed too: the comparison with it says nothing about the probe.'] : []),
    ...(runs.length > 1 && run ? [`The headline, the heads and the sections are of ${runLabel(run)} alone.`] : []),
    ...(within > 0 ? [`${within} of ${claims.length} claims are within their null.`] : []),
    ...(unstable > 0 ? [`${unstable} of ${claims.length} claims are unstable: second opinions disagree.`] : []),
    ...(claims.length > MOST.claims ? [`${claims.length - MOST.claims} further claims: ask for the section "claims".`] : []),
    ...(runs.length > MOST.margins ? [`${runs.length - MOST.margins} further runs: ask for their sections by name.`] : []),
    ...broken.map(({ name, run }) => `The identity check ${name} does not hold in ${run}: these numbers are not to be trusted.`),
    ...(verdict?.notChecked ?? []).map((one) => `Not checked: ${one}`),
    ...residue.notes,
  ];
}
