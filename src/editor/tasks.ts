import {
  ProcessExecution,
  RelativePattern,
  Task,
  TaskGroup,
  tasks,
  TaskScope,
  window,
  workspace,
  type Disposable,
  type TaskDefinition,
  type WorkspaceFolder,
} from 'vscode';
import { isShellUri } from './selector.js';

const type = 'residue';
const verbs = ['run', 'check'] as const;

/** A task of tasks.json, as package.json declares it. */
interface ResidueTask extends TaskDefinition {
  command: (typeof verbs)[number];
  /** Shell files, folders or globs, from the workspace folder on. */
  files?: string[];
  /** Further options of the command line. */
  args?: string[];
}

/**
 * Tasks of type `residue`: `residue run` and `residue check` on the open shell and on the whole folder, and those that a tasks.json
 * defines. They run the command line that comes with the extension, on the Node that runs the extension.
 * @param program Path of dist/cli.cjs.
 */
export function residueTasks(program: string): Disposable {
  return tasks.registerTaskProvider(type, {
    provideTasks: async () => {
      const found: Task[] = [];
      for (const folder of workspace.workspaceFolders ?? []) {
        const [any] = await workspace.findFiles(new RelativePattern(folder, '**/*.shell.{yaml,yml}'), '**/node_modules/**', 1);
        if (any) found.push(...verbs.map((command) => make(program, { type, command, files: ['.'] }, folder)));
      }
      const uri = window.activeTextEditor?.document.uri;
      const folder = uri && workspace.getWorkspaceFolder(uri);
      if (uri && folder && isShellUri(uri)) {
        const files = [workspace.asRelativePath(uri, false)];
        found.push(...verbs.map((command) => make(program, { type, command, files }, folder)));
      }
      return found;
    },
    resolveTask: ({ definition, scope }) => {
      const given = definition as Partial<ResidueTask>;
      if (!verbs.some((verb) => verb === given.command)) return undefined;
      const folder = typeof scope === 'object' ? scope : workspace.workspaceFolders?.[0];
      // VS Code wants the very definition back that it asked about.
      return make(program, definition as ResidueTask, folder);
    },
  });
}

function make(program: string, definition: ResidueTask, folder: WorkspaceFolder | undefined): Task {
  const { command } = definition;
  const files = strings(definition.files);
  const shown = files.length === 0 || (files.length === 1 && files[0] === '.') ? 'all shells' : files.join(' ');
  const args = [program, command, ...strings(definition.args), ...(files.length > 0 ? files : ['.'])];
  // On the desktop the extension runs inside Electron, which is Node only when told.
  const execution = new ProcessExecution(process.execPath, args, { cwd: folder?.uri.fsPath, env: { ELECTRON_RUN_AS_NODE: '1' } });
  const task = new Task(definition, folder ?? TaskScope.Workspace, `${command} ${shown}`, type, execution, '$residue');
  task.group = command === 'run' ? TaskGroup.Test : TaskGroup.Build;
  task.detail = `residue ${command} ${files.join(' ')}`;
  return task;
}

/** What a hand-written tasks.json gives, as far as it is a list of texts. */
const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
