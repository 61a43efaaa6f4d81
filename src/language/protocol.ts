/**
 * What the language server and the editor say to one another beyond the Language Server Protocol, in one place. Both sides are of one
 * version; what comes in is checked all the same.
 */

/** Editor → server, at the start (`initializationOptions`). */
export interface ServerOptions {
  /** Whether hovers may link to the methods' documentation by the editor's command. */
  methodLinks: boolean;
}

export function readOptions(options: unknown): ServerOptions {
  return { methodLinks: (options as Partial<ServerOptions> | null | undefined)?.methodLinks === true };
}
