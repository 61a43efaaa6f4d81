import { z } from 'zod';
import { DESCRIPTIONS } from './descriptions.js';
import { probePromptInput, readResidueInput, runShellInput } from './schemas.js';

/** What package.json contributes as language-model tools: the inputs of the protocol's tools, under the editor's names. */
export function contributedTools(): object[] {
  const inputs = { run_shell: runShellInput, probe_prompt: probePromptInput, read_residue: readResidueInput };
  const references = { run_shell: 'runShell', probe_prompt: 'probePrompt', read_residue: 'readResidue' };
  return (Object.keys(inputs) as (keyof typeof inputs)[]).map((name) => {
    const { title, description } = DESCRIPTIONS[name];
    const { $schema: _, ...inputSchema } = z.toJSONSchema(z.strictObject(inputs[name]), { io: 'input' });
    return {
      name: `residue_${name}`,
      displayName: title,
      toolReferenceName: references[name],
      canBeReferencedInPrompt: true,
      icon: name === 'read_residue' ? '$(graph)' : '$(beaker)',
      tags: ['symbolic-residue', 'interpretability', 'prompt'],
      userDescription: description.split(/(?<=\.) /)[0]!.replace(/\.$/, ''),
      modelDescription: `${description} Numbers are measured on a real model on this machine; "read off" only suggests, only "tested by intervention" may be called a cause. Tell the user the caveats.`,
      inputSchema,
    };
  });
}
