/** What each tool is called and does, for a model to choose by. */
export const DESCRIPTIONS = {
  run_shell: {
    title: 'Run a shell',
    description:
      'Runs a shell on a local model and returns its verdict: whether the prompt fails, where the answer is lost, which heads lose it, what was tested by intervention, and the caveats. Takes seconds on a bundled model, minutes on large ones.',
  },
  probe_prompt: {
    title: 'Probe a prompt',
    description:
      'Gives an overview of any prompt on a local model, without a file. Returns what the model says next, the margin of the answer over its rivals, the layer at which it is decided, and the heads behind it.',
  },
  read_residue: {
    title: 'Read a residue',
    description: 'Reads a *.residue.json that a run left and returns its summary, and sections of it where asked. No model is opened.',
  },
} as const;
