/** Escaped character, places with a choice, with a default, and bare; from the left, as an editor reads a snippet. */
const PART = /\\([$}\\])|\$\{\d+\|([^,|]*)[^}]*\|\}|\$\{\d+:((?:\\.|[^}\\])*)\}|\$\d+/g;

/** What an editor leaves in a text when a snippet is taken and no place in it is changed. */
export function withDefaults(snippet: string): string {
  return snippet.replace(PART, (_, escaped?: string, choice?: string, given?: string) =>
    given === undefined ? (escaped ?? choice ?? '') : given.replace(/\\([$}\\])/g, '$1'),
  );
}
