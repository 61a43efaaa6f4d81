import { METHODS } from '../../src/method-anchors.js';

/**
 * The formula behind each method, as one line for a tooltip; its page in docs/methods.md says the rest. Notation as there: r_l(p) the
 * residual stream, N the final norm, U the unembedding, a the answer, R the rivals, α the pattern, m the margin.
 */
const FORMULAS: Readonly<Record<string, string>> = {
  [METHODS.lens]: 'logp_l = log softmax U·N(r_l(p)), l = 0 … L; m_l = logp_l(a) − max over R of logp_l',
  [METHODS.margin]: 'm_l = logp_l(a) − max over r in R of logp_l(r), nats',
  [METHODS.collapse]: 'first row after the peak from which m_l stays below τ',
  [METHODS.attribution]: 'c contributes (c · w / s) · (U[a] − U[r]), s the final norm’s scale, frozen; all sum to the margin',
  [METHODS.attention]: 'α(p, k), and ‖α(p, k) · v_k · W_O‖',
  [METHODS.salience]: 'direct Σ|contribution|; flow: share of ‖α v W_O‖ from the span; causal: margin lost by mean ablation',
  [METHODS.map]: 'log softmax U·N(r_l(t)) at the answer’s first token, each row l and position t',
  [METHODS.almost]: 'top-1 with p ≥ 0.1 in the later half of the layers, in the end below a tenth of that',
  [METHODS.looping]: 'rep-4: share of 4-grams that occurred before; loops: the tail repeats three times or more',
  [METHODS.density]: 'failing / all, with the Wilson 95 % interval',
  [METHODS.knockout]: 'score(q, k) − ∞ before the softmax, then m with it minus m without',
  [METHODS.disruption]: 'per head from α(p, ·): entropy / log(p + 1), self, local, sink and span mass, Σ α (p − k)',
  [METHODS.verdicts]: 'w = A · u: attention to the span times write per unit; w_c − w_p split into what A and what u lost',
  [METHODS.nothing]: 'H − log V = g · z with g = ∫₀¹ ∇H(s z) ds, split over components',
  [METHODS.propagation]: '‖Δr_k‖ / ‖r_k‖ for k ≥ l after r_l(p) was moved by ε of its length',
  [METHODS.complexity]: '(Σ|c|)² / Σc² over all contributions',
  [METHODS.nullSpace]: 'part of ‖N(r_L(p))‖² in the weak singular directions of U',
  [METHODS.nulls]: 'p = (1 + number of null values ≥ observed) / (1 + n); q: Benjamini-Hochberg',
  [METHODS.opinion]: 'repetitions that agree / repetitions',
  [METHODS.patching]: 'R = (m_patched − m_probe) / (m_control − m_probe)',
  [METHODS.caused]: 'from the last layer with R ≥ 0.5 at the source to the first with R ≥ 0.5 at the answer position',
  [METHODS.ablation]: 'm without the component’s output minus m; predicted: minus its contribution',
  [METHODS.diagnosis]: 'a head is named where its intervention gives back half of the drop or more',
  [METHODS.graph]: 'w(s → m) = J_m(u_m) · write(s), norms, patterns and slopes frozen',
  [METHODS.comparison]: 'B − A, tested by permutation of signs or groups; q: Benjamini-Hochberg',
  [METHODS.checks]: 'residual of an identity that must hold for any weights',
  'candidates-isolate': 'p_l(c) = exp Σ_i logp_l(c_i), each token read at the position before it',
  'scaling-the-heads-of-a-candidate-stabilize': 'z · dose in the heads with a positive contribution to the candidate; its margin again',
  'samples-yield': 'shares of N seeded continuations, with Wilson’s 95 % interval',
  'signal-of-a-span-sense': 'retained: the span’s contributions after the last layer / the highest of their running sum',
  'scaling-a-spans-values-weight': 'm as a function of w in w · α(p, k) · v_k, k in the span',
  'ablating-heads-of-low-salience-cancel': 'heads under a quantile of |contribution| ablated at once; m, and KL(unchanged ‖ ablated)',
  'time-anchors': 'per layer and head Σ α and ‖Σ α v W_O‖ on each anchor, and what is written toward its own tokens',
  'position-shift': 'm with n added to the position ids from the later span on',
  'induction-and-prefix-matching': 'mean attention to what followed earlier occurrences of the same token',
  'instructions-alone-and-together': 'd_a = r_l(p | a) − r_l(p | neither); projection ((r_both − r_neither) · d_a) / ‖d_a‖²',
  'nullifying-an-instruction': 'r − (r · d̂) d̂ at p in each chosen layer',
};

/** The formula of a page; null for one that is told in words alone. */
export const formulaOf = (anchor: string): string | null => (Object.hasOwn(FORMULAS, anchor) ? FORMULAS[anchor]! : null);
