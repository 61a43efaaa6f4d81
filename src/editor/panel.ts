import {
  commands,
  env,
  ProgressLocation,
  Uri,
  window,
  workspace,
  type ExtensionContext,
  type LogOutputChannel,
  type WebviewPanel,
} from 'vscode';
import { InputError, type Place } from '../errors.js';
import type { ComparedText } from '../engine/protocol.js';
import { isToHost } from '../residue/guards.js';
import type { PanelState, ToHost, ToPage } from '../residue/messages.js';
import { copyAddress } from './address.js';
import { chooseOther } from './compare.js';
import type { Engine } from './engine.js';
import { openMethods, openShell, revealInShell } from './navigate.js';
import { panelHtml } from './panel-html.js';
import type { Results } from './results.js';
import type { RunEvent, RunFailure, Runs } from './runs.js';
import { OneAtATime } from './one-at-a-time.js';
import { isResidueFile, readResidueFile } from './residue-file.js';
import { savePanelFile } from './save.js';
import { restrictedMessage } from './trust.js';

/** One residue panel: the page of one shell, or of one residue file. Made by `Panels`, which owns it. */
export class Panel {
  #ready = false;
  #failure: RunFailure | undefined;
  /** Whether the page has been told how the run ended. */
  #settled = true;
  /** The residue that the page has. */
  #sent: string | undefined;
  /** What it is compared with, and the comparison. */
  #other: ComparedText | undefined;
  #comparison: string | undefined;
  /** Residues of a run under way, each sent when the page has drawn the one before. */
  readonly #growing = new OneAtATime<string>((json) => this.#sendResidue(json));
  /** What to look at when the page listens. */
  #look: PanelState['view'] | undefined;

  constructor(
    readonly shell: Uri,
    readonly view: WebviewPanel,
    private readonly parts: PanelParts,
    /** Whether the page has no state of its own from before a reload, and starts from what the host remembers of the shell's last one. */
    private fresh: boolean,
  ) {
    const { webview } = view;
    const dist = Uri.joinPath(parts.extension.extensionUri, 'dist');
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    webview.onDidReceiveMessage((message: unknown) => {
      if (isToHost(message))
        this.#receive(message).catch((error: unknown) => parts.log.error(error instanceof Error ? error : String(error)));
      else parts.log.warn('A message of the residue panel was dropped: it is not of the protocol.');
    });
    const uri = (name: string): string => webview.asWebviewUri(Uri.joinPath(dist, name)).toString();
    webview.html = panelHtml({
      scriptUri: uri('webview.js'),
      restUri: uri('webview-rest.js'),
      controlsUri: uri('webview-controls.js'),
      styleUri: uri('webview.css'),
      nonce: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex'),
      cspSource: webview.cspSource,
    });
  }

  /** Whether it shows a residue file rather than the residue of a shell. */
  get file(): boolean {
    return isResidueFile(this.shell);
  }

  /** Passes on what happens to the shell's run. */
  follow(event: RunEvent): void {
    // Of a run aside what is shown stays; how far it is, and why it failed, is told.
    if (event.aside && ['partial', 'residue', 'cached'].includes(event.type)) return;
    switch (event.type) {
      case 'started':
        this.#failure = undefined;
        this.#settled = false;
        this.#send({ type: 'standing', standing: null });
        this.#send({ type: 'progress', stage: 'Starting', done: 0, total: 0 });
        break;
      case 'progress':
        this.#send({ type: 'progress', ...event.progress });
        break;
      case 'partial':
        this.#growing.offer(event.json);
        break;
      case 'cached':
      case 'residue':
        this.#failure = undefined;
        this.#settled = true;
        this.#growing.clear();
        // It came as the last part already, unless the run's end was told by the host itself.
        if (event.json !== this.#sent) this.#sendResidue(event.json);
        if (this.#other) void this.compare(this.#other);
        break;
      case 'failed':
        this.#growing.clear();
        this.#failure = event.failure;
        this.#settled = true;
        this.#sendFailure(event.failure);
        break;
      case 'ended':
        // A run that was cancelled before anything arrived leaves what there was before it.
        if (!this.#settled) void this.#sendState();
        else void this.standing();
        break;
    }
  }

  /** Tells the page whether what it shows was kept, and still holds; and gives it what holds where it shows something else. */
  async standing(): Promise<void> {
    if (this.file || !this.#ready || this.parts.runs.isRunning(this.shell)) return;
    const shown = await this.parts.results.shown(this.shell);
    const { changeWords } = await import('./results/fingerprint.js');
    if (!shown || this.parts.runs.isRunning(this.shell)) return;
    const { at, cached, changes } = shown.standing;
    // A text that was put back has the result back that it had.
    const json = await this.parts.results.store.text(shown.entry.key);
    if (json !== undefined && json !== this.#sent) this.#sendResidue(json);
    const runs = await this.parts.results.store.history(this.shell.toString());
    const trend = (await import('./results/words.js')).marginsOf(runs).slice(-20);
    this.#send({ type: 'standing', standing: { at, cached, stale: changes.length > 0 ? changeWords(changes) : null, trend } });
  }

  async #receive(message: ToHost): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#growing.clear();
        return this.#sendState();
      case 'drawn':
        return this.#growing.arrived();
      case 'compare':
        if (message.with === 'choose') return void (await this.chooseOther());
        this.#other = this.#comparison = undefined;
        return;
      case 'run': {
        if (this.file) return void window.showInformationMessage(fileMessage);
        const document = await openShell(this.shell);
        const ask = { ...(message.verify ? { verify: 'full' as const } : {}), ...(message.graph ? { graph: true as const } : {}) };
        if (document) await this.parts.runs.run(document, ask, { fresh: !message.verify && !message.graph });
        return;
      }
      case 'cancel':
        return this.parts.runs.cancel(this.shell);
      case 'view':
        return void this.parts.extension.workspaceState.update(viewKey(this.shell), message.view);
      case 'reveal':
        if (this.file) return void window.showInformationMessage(fileMessage);
        return revealInShell(this.shell, message.line, message.column);
      case 'copy':
        await env.clipboard.writeText(message.text);
        return void window.setStatusBarMessage('Copied.', 2000);
      case 'pattern':
        return this.#sendPattern(message);
      case 'link':
        return copyAddress(this.shell, message.view);
      case 'save':
        return savePanelFile(this.shell, message);
      case 'history':
        return void (await commands.executeCommand('symbolicResidue.showHistory', this.shell));
      case 'openText':
        return void (await commands.executeCommand('vscode.openWith', this.shell, 'default'));
      case 'openMethods':
        return openMethods(this.parts.extension.extensionUri, message.anchor);
    }
  }

  async #sendState(): Promise<void> {
    if (!this.#ready) return;
    const saved = this.fresh ? this.parts.extension.workspaceState.get<PanelState['view']>(viewKey(this.shell)) : undefined;
    this.fresh = false;
    if (saved) this.#send({ type: 'view', view: saved });
    if (this.#look) this.#send({ type: 'view', view: this.#look });
    this.#look = undefined;
    this.trust();
    const residue = await this.#residue();
    // What has arrived of a run under way is one of those that grow.
    if (residue && this.parts.runs.isRunning(this.shell)) this.#growing.offer(residue);
    else if (residue) this.#sendResidue(residue);
    if (this.#comparison) this.#send({ type: 'comparison', json: this.#comparison });
    const progress = this.parts.runs.progress(this.shell);
    if (progress) this.#send({ type: 'progress', ...progress });
    else if (this.#failure) this.#sendFailure(this.#failure);
    else if (!residue) this.#send({ type: 'empty' });
    await this.standing();
  }

  /** What the page shows: the file's text, what has arrived of a run, or what the last one left. */
  async #residue(): Promise<string | undefined> {
    if (this.file) {
      const read = await readResidueFile(this.shell);
      this.#failure = 'problem' in read ? { message: read.problem, place: null } : undefined;
      return 'text' in read ? read.text : undefined;
    }
    return this.parts.runs.latest(this.shell) ?? (await this.parts.results.text(this.shell));
  }

  /** The file was written, or is gone: what it holds now is shown, or why nothing can be. */
  async reread(): Promise<void> {
    const text = await this.#residue();
    if (text !== undefined && text !== this.#sent) {
      this.#sendResidue(text);
      if (this.#other) await this.compare(this.#other, text);
    } else if (this.#failure) this.#sendFailure(this.#failure);
  }

  /** Shows what an address leads to, now or as soon as the page listens. */
  look(view: PanelState['view']): void {
    if (this.#ready) this.#send({ type: 'view', view });
    else this.#look = view;
  }

  /** Has the page give the address of what it shows. */
  copyLink(): void {
    this.#send({ type: 'copyLink' });
  }

  /** Asks what to compare the residue with, and does so. Gives the comparison's JSON text; undefined when there is none. */
  async chooseOther(): Promise<string | undefined> {
    const text = await this.#residue();
    if (!text) {
      void window.showInformationMessage(this.#failure?.message ?? 'There is no residue to compare yet: run the shell first.');
      return undefined;
    }
    const other = await chooseOther(this.shell, text, this.parts.results);
    return other && this.compare(other, text);
  }

  /** Compares the residue with another; a later run of the shell is compared with it too. */
  async compare(other: ComparedText, known?: string): Promise<string | undefined> {
    const json = known ?? (await this.#residue());
    if (!json) return undefined;
    this.#other = other;
    const file = this.file ? (this.shell.path.split('/').at(-1) ?? null) : null;
    try {
      const comparison = await window.withProgress({ location: ProgressLocation.Window, title: 'Comparing residues' }, () =>
        this.parts.engine.compare({ json, file }, other),
      );
      if (this.#other !== other) return undefined;
      this.#comparison = comparison;
      this.#send({ type: 'comparison', json: comparison });
      return comparison;
    } catch (error) {
      this.#other = undefined;
      const { message, place } = error instanceof InputError ? error : { message: String(error), place: {} as Place };
      void window.showErrorMessage(`${place.file ?? 'The comparison'}: ${message}`);
      return undefined;
    }
  }

  #sendResidue(json: string): void {
    this.#sent = json;
    this.#send({ type: 'residueText', json, shellUri: this.shell.toString() });
  }

  /** A file has no model that could be run, and nothing is run where the workspace is not trusted: the page offers neither. */
  async #sendPattern(ask: Extract<ToHost, { type: 'pattern' }>): Promise<void> {
    if (this.file || !workspace.isTrusted) return;
    this.#send(await this.parts.engine.patterns.read(this.shell, ask));
  }

  #sendFailure({ message, place }: RunFailure): void {
    const at = place?.line === undefined ? null : { file: place.file ?? this.shell.path, line: place.line, column: place.column ?? 1 };
    this.#send({ type: 'error', message, place: at, ...(this.file ? { file: true } : {}) });
  }

  /** Nothing is sent before the page has said that it listens; what it missed is in the state that it then gets. */
  #send(message: ToPage): void {
    if (this.#ready) void this.view.webview.postMessage(message);
  }

  /** Tells the page whether anything may be run. */
  trust(): void {
    this.#send({ type: 'off', reason: this.file ? fileMessage : workspace.isTrusted ? null : restrictedMessage });
  }

  /** The page is made anew when it is shown again: it says `ready` once more. */
  hidden(): void {
    this.#ready = false;
  }
}

export interface PanelParts {
  extension: ExtensionContext;
  engine: Engine;
  runs: Runs;
  results: Results;
  log: LogOutputChannel;
}

const fileMessage = 'This panel shows a residue file. Open its shell to run it.';

const viewKey = (shell: Uri): string => `view:${shell.toString()}`;
