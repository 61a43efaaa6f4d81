/** What the host knows about the page it is about to show. */
export interface PanelHtml {
  /** URI of dist/webview.js as the page may load it. */
  scriptUri: string;
  /** URI of dist/webview-rest.js, which the page loads after its first paint. */
  restUri: string;
  /** URI of dist/webview-controls.js, which the page loads after its first paint. */
  controlsUri: string;
  /** URI of dist/webview.css. */
  styleUri: string;
  /** Random per page, base64 or hex. */
  nonce: string;
  /** `webview.cspSource`. */
  cspSource: string;
}

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] ?? c);

/**
 * The shell of the residue panel's page. Scripts run by nonce alone, styles come from the extension's own files alone (the
 * toolkit's go through adoptedStyleSheets, which need no permission; the one element it adds takes the nonce from the `csp-nonce`
 * meta), and there is no network, image, frame or form.
 */
export function panelHtml({ scriptUri, restUri, controlsUri, styleUri, nonce, cspSource }: PanelHtml): string {
  const csp = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} 'nonce-${nonce}'`,
    `font-src ${cspSource}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${escape(csp)}" />
    <meta property="csp-nonce" content="${escape(nonce)}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" nonce="${escape(nonce)}" href="${escape(styleUri)}" />
    <title>Residue</title>
  </head>
  <body>
    <div id="app"></div>
    <script type="module" nonce="${escape(nonce)}" src="${escape(scriptUri)}" data-rest="${escape(restUri)}" data-controls="${escape(controlsUri)}"></script>
  </body>
</html>
`;
}
