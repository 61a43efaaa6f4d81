import { measuresOf } from '../../commands/shared.js';
import { commandByName } from '../../commands/table.js';
import type { Command } from '../../commands/types.js';
import { InputError, type Place } from '../../errors.js';
import type { CommandCall } from '../../shell/types.js';
import { placeOf, type ShellText } from '../place.js';
import type { Plan } from '../plan.js';
import type { Ask, Stage } from '../stage.js';

/** One stage for each command that the shell calls. */
export const commandStages = ({ calls }: Ask): Stage[] => calls.map(commandStage);

function commandStage(call: CommandCall, index: number): Stage {
  return {
    name: `command ${index + 1}`,
    label: call.name,
    on: 'probe',
    fills: ['commands'],
    async run({ model, shell, subject, control, paraphrases, seed, signal, progress }) {
      const { trace } = subject;
      const command = commandByName(call.name)!;
      const outcome = await command.run(
        {
          model,
          shell,
          probe: await subject.traced(),
          control: control && (await control.traced()),
          paraphrases: paraphrases.map(({ prompt }) => prompt),
          trace,
          seed,
          signal,
          progress,
        },
        call.params,
      );
      (trace.commands ??= []).push({ ...outcome, measures: measuresOf(command, outcome) });
    },
  };
}

/** Refuses, before anything is run, commands that do not fit the model or a prompt, at their place in the shell. Throws InputError. */
export function checkCommands({ model, shell, calls }: Ask, plan: Plan, source: ShellText): void {
  for (const call of calls) {
    const command = commandOf(call, source);
    for (const { probe, control } of plan.runs) {
      const twin = control === null ? null : plan.controls[control]!.prompt;
      try {
        command.check?.(model.spec, probe, call.params, { shell, tokenizer: model.tokenizer, control: twin });
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        throw new InputError(error.message, { ...error.place, ...callPlace(source, call, error.place.field) });
      }
    }
  }
}

function commandOf(call: CommandCall, source: ShellText): Command {
  const command = commandByName(call.name);
  if (!command) throw new InputError(`There is no command ${call.name}.`, callPlace(source, call));
  return command;
}

/** Where a command, or one of its parameters, stands in the shell. */
function callPlace(source: ShellText, call: CommandCall, field?: string): Place {
  const param = field?.startsWith(`${call.name}.`) ? field.split('.')[1] : undefined;
  return placeOf(source, (param !== undefined && call.paramRanges[param]) || call.range);
}
