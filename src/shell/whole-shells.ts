/** Whole shells for completion in an empty file, in snippet syntax: each right as it stands. */

const memory = `format: 1
shell: \${1:my-shell}
title: \${2:What does the model forget?}
family: \${3|memory,value,salience,temporal,instruction|}

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

export const WHOLE_SHELLS: readonly { label: string; detail: string; text: string }[] = [
  { label: 'shell', detail: 'A whole shell: is a fact still read?', text: memory },
  { label: 'shell: value', detail: 'A whole shell: which of several values wins?', text: value },
  { label: 'shell: salience', detail: 'A whole shell: which layers and heads carry the signal?', text: salience },
];
