import { anchor } from './anchor.js';
import { cancel } from './cancel.js';
import { distill } from './distill.js';
import { inhibit } from './inhibit.js';
import { isolate } from './isolate.js';
import { nullify } from './nullify.js';
import { predict } from './predict.js';
import { recall } from './recall.js';
import { remember } from './remember.js';
import { sense } from './sense.js';
import { shift } from './shift.js';
import { splice } from './splice.js';
import { stabilize } from './stabilize.js';
import type { Command } from './types.js';
import { weight } from './weight.js';
import { yieldCommand } from './yield.js';

/** Parameters were checked against a command's own schema when the shell was parsed, which is what makes this cast true. */
const entry = <P extends object>(command: Command<P>): Command => command as unknown as Command;

/** Every command, in the order in which they are listed. */
export const COMMANDS: readonly Command[] = [
  entry(anchor),
  entry(recall),
  entry(inhibit),
  entry(isolate),
  entry(stabilize),
  entry(yieldCommand),
  entry(sense),
  entry(weight),
  entry(cancel),
  entry(remember),
  entry(shift),
  entry(predict),
  entry(distill),
  entry(splice),
  entry(nullify),
];

/** The command of that name, or undefined. Names are case-sensitive. */
export function commandByName(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name);
}
