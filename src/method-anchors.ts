/** Headings of docs/methods.md, as the anchors that a formula's name opens. */
export const METHODS = {
  lens: 'logit-lens',
  margin: 'margin',
  collapse: 'collapse-point-observed',
  attribution: 'direct-logit-attribution',
  attention: 'value-weighted-attention',
  salience: 'layer-salience',
  map: 'lens-map',
  almost: 'almost-said',
  looping: 'looping',
  density: 'failure-density',
  knockout: 'attention-knockout',
  disruption: 'attention-disruption',
  verdicts: 'qkov-verdict-per-head',
  nothing: 'null-attribution',
  propagation: 'error-propagation',
  complexity: 'trace-complexity',
  nullSpace: 'null-space-volume',
  nulls: 'null-calibration',
  opinion: 'second-opinion',
  patching: 'activation-patching',
  caused: 'collapse-interval-caused',
  ablation: 'ablation-and-self-repair',
  diagnosis: 'diagnosis',
  graph: 'attribution-graph',
  comparison: 'comparison',
  checks: 'identity-checks',
} as const;

const COMMANDS: Readonly<Record<string, string>> = {
  ANCHOR: METHODS.attention,
  RECALL: METHODS.lens,
  INHIBIT: METHODS.knockout,
  ISOLATE: 'candidates-isolate',
  STABILIZE: 'scaling-the-heads-of-a-candidate-stabilize',
  YIELD: 'samples-yield',
  SENSE: 'signal-of-a-span-sense',
  WEIGHT: 'scaling-a-spans-values-weight',
  CANCEL: 'ablating-heads-of-low-salience-cancel',
  REMEMBER: 'time-anchors',
  SHIFT: 'position-shift',
  PREDICT: 'induction-and-prefix-matching',
  DISTILL: 'instructions-alone-and-together',
  SPLICE: 'instructions-alone-and-together',
  NULLIFY: 'nullifying-an-instruction',
};

/** Page of what a command measures; null for one that has none. */
export const commandAnchor = (name: string): string | null => (Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null);
/** Page of a failure pattern. */
export const patternAnchor = (name: string): string => (name === 'recursive-looping' ? 'recursive-looping-pattern' : 'failure-patterns');
