import { CompletionItemKind, type CompletionItem } from 'vscode-languageserver';

/**
 * The shell's own completions, with what yaml-language-server knows of the same place: a key that would be completed with its bare name gets the
 * nested map that the schema asks for, and keys that only it knows are added. Where the shell's own list is empty nothing may be offered, so it
 * decides; yaml-language-server would offer keys in comments and within prompts.
 */
export function mergeCompletions(own: readonly CompletionItem[], yaml: readonly CompletionItem[]): CompletionItem[] {
  const known = new Map(yaml.filter(({ kind }) => kind === CompletionItemKind.Property).map((item) => [item.label, item]));
  return own.map((item) => {
    const other = known.get(item.label);
    const bare = item.kind === CompletionItemKind.Property && item.textEdit?.newText === `${item.label}: `;
    const newText = other?.textEdit?.newText ?? other?.insertText;
    if (!bare || newText === undefined || !newText.startsWith(`${item.label}:`) || !item.textEdit) return item;
    return { ...item, textEdit: { ...item.textEdit, newText } };
  });
}
