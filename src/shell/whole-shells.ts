import type { FAMILIES } from './families.js';

/** Whole shells for completion in an empty file, in snippet syntax: each right as it stands. */

const memory = `format: 1
shell: \${1:my-shell}
title: \${2:What does the model forget?}
family: memory

prompt: |-
  \${4:Tom has a [[fact|red]] ball. {{walk\\}\\}Q: What color is Tom's ball? A:}
control: |-
  \${5:Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:}
answer: "\${6: red}"
rivals: ["\${7: blue}", "\${8: green}"]

vary:
  walk: { repeat: "\${9:They walk for a while. }", times: [0, 20, 40] }

run:
  - ANCHOR: { span: fact }
  - RECALL: {}
  - INHIBIT: { span: fact }
generate: { tokens: 40, temperature: 0 }

expect:
  - failure: present
$0`;

const value = `format: 1
shell: \${1:my-shell}
title: \${2:Which of several values wins?}
family: value

prompt: |-
  \${3:{{more\\}\\}Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:}
control: |-
  \${4:Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:}
answer: "\${5: red}"
rivals: ["\${6: blue}", "\${7: green}"]

vary:
  more: { none: "", one: "\${8:Tom has a blue cup. }" }

run:
  - ISOLATE: {}
  - STABILIZE: { candidate: " red" }
  - YIELD: { samples: 32 }

expect:
  - failure: present
$0`;

const salience = `format: 1
shell: \${1:my-shell}
title: \${2:Is the signal lost on its way?}
family: salience

prompt: |-
  \${3:Tom has a [[fact|red]] ball. {{more\\}\\}Q: What color is Tom's ball? A:}
control: |-
  \${4:Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:}
answer: "\${5: red}"
rivals: ["\${6: blue}", "\${7: green}"]

vary:
  more: { none: "", one: "\${8:Anna has a blue ball. }" }

run:
  - SENSE: { span: fact }
  - WEIGHT: { span: fact }
  - CANCEL: { below: 0.5 }

expect:
  - failure: present
$0`;

const temporal = `format: 1
shell: \${1:my-shell}
title: \${2:Which moment does the answer come from?}
family: temporal

prompt: |-
  \${3:At noon, Anna is in the [[noon|kitchen]]. In the morning, Anna is in the [[morning|barn]]. {{walk\\}\\}[[question|Q: Where]] is Anna last? A:}
control: |-
  \${4:In the morning, Anna is in the [[morning|barn]]. At noon, Anna is in the [[noon|kitchen]]. {{walk\\}\\}[[question|Q: Where]] is Anna last? A:}
answer: "\${5: kitchen}"
rivals: ["\${6: barn}", "\${7: unknown}"]

vary:
  walk: { repeat: "\${8:They walk for a while. }", times: [0, 4, 8] }

run:
  - REMEMBER: { spans: [noon, morning], right: noon }
  - SHIFT: { between: [morning, question] }
  - PREDICT: {}

expect:
  - failure: present
$0`;

const instruction = `format: 1
shell: \${1:my-shell}
title: \${2:What is left of two instructions that disagree?}
family: instruction

prompt: |-
  \${3:[[first|Rule: answer with the color.]] [[second|Rule: answer with the thing.]] Tom has a red ball in the garden. {{walk\\}\\}Q: What about Tom? A:}
control: |-
  \${4:[[first|Rule: answer with the thing.]] [[second|Rule: answer with the thing.]] Tom has a red ball in the garden. {{walk\\}\\}Q: What about Tom? A:}
answer: "\${5: ball}"
rivals: ["\${6: red}", "\${7: garden}"]

vary:
  walk: { repeat: "\${8:They walk for a while. }", times: [0, 4, 8] }

run:
  - DISTILL: { a: first, b: second }
  - SPLICE: { a: first, b: second }
  - NULLIFY: { span: first, other: second }

expect:
  - failure: present
$0`;

/** A whole shell of each family, each right as it stands. */
export const WHOLE_SHELLS: readonly { family: keyof typeof FAMILIES; label: string; detail: string; text: string }[] = [
  { family: 'memory', label: 'shell: memory', detail: 'A whole shell: is a fact still read?', text: memory },
  { family: 'value', label: 'shell: value', detail: 'A whole shell: which of several values wins?', text: value },
  { family: 'salience', label: 'shell: salience', detail: 'A whole shell: which layers and heads carry the signal?', text: salience },
  { family: 'temporal', label: 'shell: temporal', detail: 'A whole shell: does attention land on the right moment?', text: temporal },
  { family: 'instruction', label: 'shell: instruction', detail: 'A whole shell: what is left of two instructions?', text: instruction },
];
