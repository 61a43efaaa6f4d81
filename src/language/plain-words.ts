/**
 * Stands in the bundle for `@vscode/l10n` (esbuild.mjs), which can load translations from a URL; yaml-language-server asks it for its own English
 * words, with values in the places `{0}`, `{1}` and `{name}`.
 */
export function t(message: string | { message: string; args?: unknown }, ...values: unknown[]): string {
  const { message: text, args = values } = typeof message === 'string' ? { message } : message;
  const given: unknown = Array.isArray(args) && args.length === 1 && typeof args[0] === 'object' ? args[0] : args;
  const named = (given ?? {}) as Record<string, unknown>;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in named ? String(named[name]) : whole));
}
