export interface ServeOptions {
  folder: string;
  file?: string;
  extensions?: string[];
  port?: number;
  data?: string;
  settings?: Record<string, unknown>;
  machineSettings?: Record<string, unknown>;
  trust?: boolean;
  tests?: { developmentPath: string; testsPath: string };
  onOutput?: (text: string) => void;
}
export interface EditorServer {
  url: string;
  port: number;
  /** Folder of settings, storage and extensions. */
  data: string;
  pid: number;
  exited: Promise<number>;
  stop(): Promise<void>;
}
export function ensureCodeServer(): Promise<string>;
export function editorVersion(): string;
export const quietSettings: Record<string, unknown>;
export function serveEditor(options: ServeOptions): Promise<EditorServer>;
