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
  checks: 'identity-checks',
} as const;

/** Page of a failure pattern; the top of the methods page for one that has no heading of its own. */
export const patternAnchor = (name: string): string => (name === 'recursive-looping' ? 'recursive-looping-pattern' : '');
