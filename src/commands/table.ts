import { anchorInfo } from './anchor.js';
import { inhibitInfo } from './inhibit.js';
import { recallInfo } from './recall.js';
import type { Command } from './types.js';

/** What validation, completion and hovers know of each command, in the order in which they are listed. */
export const COMMANDS: readonly Omit<Command, 'run'>[] = [anchorInfo, recallInfo, inhibitInfo];

/** The command of that name, or undefined. Names are case-sensitive. */
export function commandByName(name: string): Omit<Command, 'run'> | undefined {
  return COMMANDS.find((command) => command.name === name);
}
