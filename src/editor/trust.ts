import { commands, window, workspace } from 'vscode';

/** The sentence shown wherever running is off. */
export const restrictedMessage = 'Running shells is off in Restricted Mode, because a shell may name any model file on this machine.';

/** True when shells may run; else says why not and offers the way out. */
export function mayRun(): boolean {
  if (workspace.isTrusted) return true;
  const manage = 'Manage Workspace Trust';
  void window.showWarningMessage(restrictedMessage, manage).then((choice) => {
    if (choice === manage) void commands.executeCommand('workbench.trust.manage');
  });
  return false;
}
