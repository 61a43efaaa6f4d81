import { loaded } from './controls-load.js';
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeDropdown, vsCodeOption } from '@vscode/webview-ui-toolkit';

/**
 * The only module that knows the toolkit (archived upstream): three components behind two functions of ui.ts, so that another set of
 * controls can take its place. Where it styles itself through adoptedStyleSheets it needs no CSP permission. A script of its own, for
 * what it takes to load is a good part of what the rest of the page takes.
 */
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeDropdown(), vsCodeOption());
loaded();
