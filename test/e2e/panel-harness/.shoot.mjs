// test/e2e/panel-harness/shoot.ts
import { mkdirSync, readFileSync as readFileSync2 } from "node:fs";

// test/helpers/residue-generator.ts
function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = a + 1831565813 >>> 0;
    let t = a;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}
var WORDS = [
  "Tom",
  " has",
  " a",
  " red",
  " ball",
  ".",
  " They",
  " walk",
  " for",
  " while",
  "\n",
  " the",
  " garden",
  " Q:",
  " What",
  " color",
  " is",
  "?",
  " A:"
];
var round = (x) => Number(x.toPrecision(6));
function generateResidue(options = {}) {
  const {
    seed = 1,
    layers = 6,
    heads = 8,
    length = 40,
    runs = 1,
    paraphrases = 0,
    control = true,
    failed = true,
    texts,
    status = "complete"
  } = options;
  const next = random(seed);
  const trace = (name, label, T, fails, vary, x, whole) => generateRun({ next, name, label, T, fails, vary, x, whole, layers, heads, texts });
  const all = Array.from({ length: runs }, (_, i) => {
    const fails = failed && (runs === 1 || i >= Math.floor(runs / 2));
    const times = String(i * 20);
    return trace(
      runs === 1 ? "probe" : `probe.walk=${times}`,
      "probe",
      length,
      fails,
      runs === 1 ? {} : { walk: times },
      runs === 1 ? null : i * 20,
      true
    );
  });
  const found = all.findIndex((r) => r.scores.failed);
  const primary = found < 0 ? runs - 1 : found;
  const main = all[primary];
  const others = Array.from(
    { length: paraphrases },
    (_, i) => trace(`paraphrase.${i + 1}`, "paraphrase", Math.min(length, 30), failed && next() < 0.85, {}, null, false)
  );
  const twin = control ? trace("control", "control", Math.min(length, 18), false, {}, null, true) : null;
  const everyone = [...all, ...others];
  const failing = everyone.filter((r) => r.scores.failed).length;
  const margin = main.scores.margin;
  return {
    $schema: "residue.schema.json",
    format: 1,
    status,
    created: "2026-01-01T00:00:00.000Z",
    shell: {
      id: "v1.MEMTRACE",
      title: "Does the colour survive a long walk?",
      family: "memory",
      motivation: "The farther the fact, the weaker its trace at the answer.",
      file: "v1-memtrace.shell.yaml",
      sha256: "a".repeat(64),
      run: [
        { name: "RECALL", params: {} },
        { name: "INHIBIT", params: { span: "fact" } }
      ]
    },
    provenance: {
      model: {
        id: "generated",
        family: "llama",
        dtype: "F32",
        parameters: 13e5,
        layers,
        dModel: 128,
        heads,
        kvHeads: heads,
        dHead: 16,
        vocab: 1024,
        context: 1024,
        files: [{ role: "weights", name: "model.safetensors", bytes: 53e5, sha256: "b".repeat(64) }]
      },
      tokenizer: { kind: "tokenizer.json", addsBos: true, sha256: "c".repeat(64) },
      lens: { convention: "final-norm-recomputed", attribution: "final-norm-scale-frozen" },
      engine: { onnxruntime: "1.30.0", provider: { asked: "cpu", used: "cpu" }, threads: 2 },
      versions: { symbolicResidue: "0.1.0", format: 1 },
      seed,
      settings: { tau: 0, temperature: 0 },
      command: "residue run v1-memtrace.shell.yaml --model pocket"
    },
    runs: all,
    primary,
    control: twin,
    paraphrases: others,
    ...everyone.length > 1 ? {
      density: {
        failing,
        total: everyone.length,
        share: round(failing / everyone.length),
        interval: wilson(failing, everyone.length),
        byRun: all.map((r) => {
          const bad = (r.scores.failed ? 1 : 0) + Math.round(next() * paraphrases * (r.scores.failed ? 1 : 0.3));
          return { name: r.name, x: r.x, failing: bad, total: 1 + paraphrases, interval: wilson(bad, 1 + paraphrases) };
        })
      }
    } : {},
    verdict: {
      failed: main.scores.failed,
      sentence: main.scores.failed ? `Failed: says " blue", should say " red"` : `Did not fail: " red" wins by ${round(margin)} nats`,
      drop: twin ? round(twin.scores.margin - margin) : null,
      controlSucceeded: twin ? !twin.scores.failed : null,
      patterns: [{ name: "recursive-looping", present: main.looping.loops, score: 0.4, evidence: "The tail repeats with period 3." }],
      confirmed: main.scores.failed ? ["cause confirmed: cutting attention to fact costs 2.4 nats"] : [],
      notChecked: ["null calibration"]
    },
    checks: [
      { name: "pattern-rows-sum-to-1", run: main.name, residual: 2e-7, tolerance: 1e-5, passed: true },
      { name: "contributions-sum-to-margin", run: main.name, residual: 3e-6, tolerance: 1e-3, passed: true }
    ],
    expectations: [
      {
        path: "failure",
        want: "present",
        got: main.scores.failed ? "present" : "absent",
        passed: main.scores.failed,
        message: main.scores.failed ? "failure is present" : "failure is absent, should be present",
        line: 24
      }
    ],
    notes: ["The rivals were chosen by the model: its own top tokens."]
  };
}
function generateRun({ next, name, label, T, fails, vary, x, whole, layers, heads, texts }) {
  const words = texts ?? WORDS;
  const tokens = Array.from({ length: T }, (_, i) => ({
    id: 5 + i % 900,
    text: i === 0 && !texts ? "<s>" : words[texts ? i % words.length : Math.floor(next() * words.length)] ?? ""
  }));
  const at = Math.min(T - 1, 4);
  const spans = T > 8 ? { fact: [at, at + 2] } : {};
  const final = round(fails ? -0.5 - 2 * next() : 1 + 2 * next());
  const peak = Math.max(1, Math.floor(layers / 2));
  const margin = Array.from({ length: layers + 1 }, (_, l) => {
    const rise = l <= peak ? 3 * l / peak - 0.6 : 2.4 + (final - 2.4) * (l - peak) / (layers - peak);
    return l === layers ? final : round(rise + 0.3 * (next() - 0.5));
  });
  const answerLogprob = margin.map((m, l) => round(-1 - (layers - l) * 0.7 + m / 2));
  const collapsed = margin.findIndex((m, l) => l > peak && margin.slice(l).every((v) => v < 0) && m < 0);
  const candidate = (text, logprob, rank) => ({
    text,
    ids: [7],
    logprob,
    totalLogprob: logprob,
    rank
  });
  const last = answerLogprob[layers];
  const run = {
    name,
    label,
    vary,
    x,
    tokens,
    bosAdded: !texts,
    spans,
    position: T - 1,
    scores: {
      answer: candidate(" red", last, fails ? 2 : 1),
      rivals: [candidate(" blue", round(last - final), fails ? 1 : 2), candidate(" green", round(last - final - 1.5), 4)],
      rivalsFromModel: false,
      strongest: 0,
      margin: final,
      failed: fails,
      tau: 0,
      entropy: 1.7,
      top: [{ id: 9, text: fails ? " blue" : " red", prob: 0.5, logprob: round(Math.log(0.5)) }]
    },
    lens: {
      answerLogprob,
      answerRank: margin.map((m) => m > 0 ? 1 : 3),
      rivalLogprob: [margin.map((m, l) => round(answerLogprob[l] - m)), margin.map((m, l) => round(answerLogprob[l] - m - 1.5))],
      margin,
      entropy: margin.map(() => round(1 + 3 * next())),
      top: margin.map((m) => [{ id: 9, text: m > 0 ? " red" : " blue", prob: round(0.2 + 0.5 * next()) }])
    },
    collapse: fails ? { kind: "lost", layer: collapsed < 0 ? layers : collapsed, peak, peakMargin: margin[peak], noise: 0.4, evidence: "observed" } : { kind: "none", layer: null, peak, peakMargin: margin[peak], noise: 0.4, evidence: "observed" }
  };
  if (!whole) return run;
  const attribution = generateAttribution(next, layers, heads, T, final);
  return {
    ...run,
    attribution,
    attention: generateAttention(next, layers, heads, T, spans, attribution),
    salience: {
      direct: {
        attention: attribution.head.map((h) => round(h.reduce((s, c) => s + Math.abs(c), 0))),
        mlp: attribution.mlp.map((m) => round(Math.abs(m)))
      },
      flow: spans.fact ? { span: "fact", share: attribution.mlp.map(() => round(next() * 0.5)) } : null,
      causal: { attention: attribution.mlp.map(() => round(3 * next() - 0.6)), mlp: attribution.mlp.map(() => round(2 * next() - 0.6)) }
    },
    map: {
      positions: tokens.map((_, i) => i),
      complete: true,
      answerLogprob: Array.from(
        { length: layers + 1 },
        (_, l) => tokens.map((_2, p) => round(p === T - 1 ? answerLogprob[l] : -1 - 14 * next() * (1 - l / (layers + 4))))
      )
    },
    almostSaid: [
      {
        id: 31,
        text: " green",
        layer: layers - 1,
        peakProb: 0.31,
        finalProb: 0.012,
        endedBy: { component: `L${layers - 1}H0`, contribution: -1.4 }
      }
    ],
    generation: {
      ids: [9, 3, 9, 3],
      tokens: [" blue", ".", " blue", "."],
      text: " blue. blue.",
      stopped: "length",
      temperature: 0,
      answerAt: null
    },
    looping: {
      loops: fails,
      rep4: fails ? 0.6 : 0,
      period: fails ? 2 : null,
      repeats: fails ? 4 : 0,
      carrier: fails ? { layer: 2, head: 1, inductionScore: 0.44 } : null
    },
    commands: label === "probe" ? generateCommands(next, layers) : []
  };
}
function generateAttribution(next, layers, heads, T, total) {
  const head = Array.from(
    { length: layers },
    () => Array.from({ length: heads }, () => round((next() - 0.45) * (next() < 0.12 ? 2.5 : 0.3)))
  );
  const mlp = Array.from({ length: layers }, () => round(next() - 0.5));
  const sum = head.flat().reduce((s, c) => s + c, 0) + mlp.reduce((s, c) => s + c, 0);
  const heads_ = head.flat().reduce((s, c) => s + c, 0);
  const weights = Array.from({ length: T }, () => next() - 0.4);
  const scale = heads_ / (weights.reduce((s, w) => s + w, 0) || 1);
  return {
    rival: { text: " blue", id: 8 },
    total,
    embed: round(total - sum),
    posEmbed: 0,
    head,
    attnBias: mlp.map(() => 0),
    mlp,
    lnFinalBias: 0,
    unembedBias: 0,
    residual: 1e-6,
    byToken: weights.map((w) => round(w * scale))
  };
}
function softRow(next, T, at) {
  const raw = Array.from({ length: T }, (_, i) => Math.exp(3 * next()) * (i === at ? 20 : 1));
  const sum = raw.reduce((s, v) => s + v, 0);
  return raw.map((v) => round(v / sum));
}
function generateAttention(next, layers, heads, T, spans, dla) {
  const grid = (f) => Array.from({ length: layers }, (_, l) => Array.from({ length: heads }, (_2, h) => round(f(l, h))));
  const ranked = dla.head.flatMap((row, layer) => row.map((c, head) => ({ layer, head, c: Math.abs(c) }))).sort((a, b) => b.c - a.c).slice(0, 64);
  return {
    meanByToken: softRow(next, T, 4),
    valueWeightedByToken: softRow(next, T, 5),
    spans: Object.fromEntries(
      Object.keys(spans).map((s) => [
        s,
        { attention: grid(() => next() ** 3), valueWeighted: grid(() => 2 * next()), contribution: grid((l, h) => dla.head[l][h] * 0.6) }
      ])
    ),
    rows: ranked.map(({ layer, head }) => ({ layer, head, pattern: softRow(next, T, Math.floor(next() * T)) }))
  };
}
function generateCommands(next, layers) {
  const blocks = Array.from({ length: layers }, (_, l) => l);
  return [
    {
      name: "RECALL",
      params: {},
      evidence: "observed",
      findings: ["The answer ranks 2 at the output.", "It is not generated within 40 tokens."],
      values: { rank: 2, said: false },
      curves: [],
      tables: []
    },
    {
      name: "INHIBIT",
      params: { span: "fact", layers: "all", rate: 1 },
      evidence: "caused",
      findings: ["Cutting attention from the answer position to fact lowers the margin by 2.4 nats."],
      values: { effect: -2.4 },
      curves: [
        {
          title: "Effect by block",
          xLabel: "block",
          yLabel: "change of the margin",
          unit: "nats",
          x: blocks,
          series: [{ label: "knocked out", y: blocks.map(() => round(-2 * next())), spread: blocks.map(() => 0.1) }]
        }
      ],
      tables: [
        {
          title: "Effect by block",
          columns: [{ label: "block" }, { label: "effect", unit: "nats" }],
          rows: blocks.map((b) => [b, round(-2 * next())])
        }
      ]
    }
  ];
}
function wilson(k, n) {
  const z = 1.959964;
  const p = k / n;
  const middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return [round(Math.max(0, middle - half)), round(Math.min(1, middle + half))];
}

// test/e2e/panel-harness/harness.ts
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { chromiumArguments, ensureChromium } from "../../../scripts/chromium.mjs";

// webview/html.ts
var escape = (text) => text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c] ?? c);
function panelHtml({ scriptUri, styleUri, nonce, cspSource }) {
  const csp = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} 'nonce-${nonce}'`,
    `font-src ${cspSource}`,
    "base-uri 'none'",
    "form-action 'none'"
  ].join("; ");
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
    <script nonce="${escape(nonce)}" src="${escape(scriptUri)}"></script>
  </body>
</html>
`;
}

// test/e2e/panel-harness/themes.ts
var common = {
  "--vscode-font-family": 'system-ui, "Ubuntu", "DejaVu Sans", sans-serif',
  "--vscode-font-size": "13px",
  "--vscode-editor-font-family": '"DejaVu Sans Mono", monospace',
  "--vscode-editor-font-size": "14px"
};
var THEMES = {
  dark: {
    bodyClass: "vscode-dark",
    variables: {
      ...common,
      "--vscode-foreground": "#cccccc",
      "--vscode-editor-foreground": "#d4d4d4",
      "--vscode-editor-background": "#1e1e1e",
      "--vscode-descriptionForeground": "rgba(204, 204, 204, 0.7)",
      "--vscode-disabledForeground": "rgba(204, 204, 204, 0.5)",
      "--vscode-errorForeground": "#f48771",
      "--vscode-focusBorder": "#007fd4",
      "--vscode-panel-border": "rgba(128, 128, 128, 0.35)",
      "--vscode-editorIndentGuide-background1": "#404040",
      "--vscode-charts-blue": "#3794ff",
      "--vscode-charts-orange": "#d18616",
      "--vscode-charts-purple": "#b180d7",
      "--vscode-charts-yellow": "#cca700",
      "--vscode-charts-green": "#89d185",
      "--vscode-charts-red": "#f14c4c",
      "--vscode-badge-background": "#4d4d4d",
      "--vscode-badge-foreground": "#ffffff",
      "--vscode-textLink-foreground": "#3794ff",
      "--vscode-button-background": "#0e639c",
      "--vscode-button-foreground": "#ffffff",
      "--vscode-button-hoverBackground": "#1177bb",
      "--vscode-button-secondaryBackground": "#3a3d41",
      "--vscode-button-secondaryForeground": "#ffffff",
      "--vscode-button-secondaryHoverBackground": "#45494e",
      "--vscode-dropdown-background": "#3c3c3c",
      "--vscode-dropdown-border": "#3c3c3c",
      "--vscode-dropdown-foreground": "#f0f0f0",
      "--vscode-list-activeSelectionBackground": "#04395e",
      "--vscode-list-activeSelectionForeground": "#ffffff",
      "--vscode-list-inactiveSelectionBackground": "#37373d",
      "--vscode-toolbar-hoverBackground": "rgba(90, 93, 94, 0.31)",
      "--vscode-editorWidget-background": "#252526",
      "--vscode-editorHoverWidget-background": "#252526",
      "--vscode-editorHoverWidget-foreground": "#cccccc",
      "--vscode-editorHoverWidget-border": "#454545",
      "--vscode-inputOption-activeBorder": "#007acc",
      "--vscode-inputValidation-errorBorder": "#be1100",
      "--vscode-progressBar-background": "#0e70c0"
    }
  },
  light: {
    bodyClass: "vscode-light",
    variables: {
      ...common,
      "--vscode-foreground": "#616161",
      "--vscode-editor-foreground": "#000000",
      "--vscode-editor-background": "#ffffff",
      "--vscode-descriptionForeground": "#717171",
      "--vscode-disabledForeground": "rgba(97, 97, 97, 0.5)",
      "--vscode-errorForeground": "#a1260d",
      "--vscode-focusBorder": "#0090f1",
      "--vscode-panel-border": "rgba(128, 128, 128, 0.35)",
      "--vscode-editorIndentGuide-background1": "#d3d3d3",
      "--vscode-charts-blue": "#1a85ff",
      "--vscode-charts-orange": "#d18616",
      "--vscode-charts-purple": "#652d90",
      "--vscode-charts-yellow": "#bf8803",
      "--vscode-charts-green": "#388a34",
      "--vscode-charts-red": "#e51400",
      "--vscode-badge-background": "#c4c4c4",
      "--vscode-badge-foreground": "#333333",
      "--vscode-textLink-foreground": "#006ab1",
      "--vscode-button-background": "#007acc",
      "--vscode-button-foreground": "#ffffff",
      "--vscode-button-hoverBackground": "#0062a3",
      "--vscode-button-secondaryBackground": "#5f6a79",
      "--vscode-button-secondaryForeground": "#ffffff",
      "--vscode-button-secondaryHoverBackground": "#4c5561",
      "--vscode-dropdown-background": "#ffffff",
      "--vscode-dropdown-border": "#cecece",
      "--vscode-dropdown-foreground": "#616161",
      "--vscode-list-activeSelectionBackground": "#0060c0",
      "--vscode-list-activeSelectionForeground": "#ffffff",
      "--vscode-list-inactiveSelectionBackground": "#e4e6f1",
      "--vscode-toolbar-hoverBackground": "rgba(184, 184, 184, 0.31)",
      "--vscode-editorWidget-background": "#f3f3f3",
      "--vscode-editorHoverWidget-background": "#f3f3f3",
      "--vscode-editorHoverWidget-foreground": "#616161",
      "--vscode-editorHoverWidget-border": "#c8c8c8",
      "--vscode-inputOption-activeBorder": "#007acc",
      "--vscode-inputValidation-errorBorder": "#be1100",
      "--vscode-progressBar-background": "#0e70c0"
    }
  },
  contrast: {
    bodyClass: "vscode-high-contrast",
    variables: {
      ...common,
      "--vscode-foreground": "#ffffff",
      "--vscode-editor-foreground": "#ffffff",
      "--vscode-editor-background": "#000000",
      "--vscode-descriptionForeground": "rgba(255, 255, 255, 0.7)",
      "--vscode-disabledForeground": "#a5a5a5",
      "--vscode-errorForeground": "#f48771",
      "--vscode-focusBorder": "#f38518",
      "--vscode-contrastBorder": "#6fc3df",
      "--vscode-contrastActiveBorder": "#f38518",
      "--vscode-charts-blue": "#3794ff",
      "--vscode-charts-orange": "#d18616",
      "--vscode-charts-purple": "#b180d7",
      "--vscode-charts-yellow": "#cca700",
      "--vscode-charts-green": "#89d185",
      "--vscode-charts-red": "#f14c4c",
      "--vscode-badge-background": "#000000",
      "--vscode-badge-foreground": "#ffffff",
      "--vscode-textLink-foreground": "#3794ff",
      "--vscode-button-background": "#000000",
      "--vscode-button-foreground": "#ffffff",
      "--vscode-button-border": "#6fc3df",
      "--vscode-button-secondaryBackground": "#000000",
      "--vscode-button-secondaryForeground": "#ffffff",
      "--vscode-dropdown-background": "#000000",
      "--vscode-dropdown-border": "#6fc3df",
      "--vscode-dropdown-foreground": "#ffffff",
      "--vscode-editorWidget-background": "#0c141f",
      "--vscode-editorHoverWidget-background": "#0c141f",
      "--vscode-editorHoverWidget-foreground": "#ffffff",
      "--vscode-editorHoverWidget-border": "#6fc3df"
    }
  }
};

// test/e2e/panel-harness/harness.ts
var ORIGIN = "https://panel.test";
var NONCE = "aGFybmVzc25vbmNl";
var PanelPage = class _PanelPage {
  constructor(page) {
    this.page = page;
  }
  page;
  /** Console errors, page errors and CSP reports, all of which a test wants to be none. */
  faults = [];
  static async open(browser2, options = {}) {
    const { width = 700, height = 900, theme = "dark", scale = 1 } = options;
    const page = await browser2.newPage({ viewport: { width, height }, deviceScaleFactor: scale });
    const panel = new _PanelPage(page);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") panel.faults.push(message.text());
    });
    page.on("pageerror", (error) => panel.faults.push(error.message));
    const files2 = {
      "/": [
        "text/html",
        panelHtml({ scriptUri: `${ORIGIN}/webview.js`, styleUri: `${ORIGIN}/webview.css`, nonce: NONCE, cspSource: ORIGIN })
      ],
      "/webview.js": ["text/javascript", readFileSync("dist/webview.js", "utf8")],
      "/webview.css": ["text/css", readFileSync("dist/webview.css", "utf8")]
    };
    await page.route("**/*", (route) => {
      const { pathname, origin } = new URL(route.request().url());
      const file = origin === ORIGIN ? files2[pathname] : void 0;
      if (pathname === "/favicon.ico") return route.fulfill({ status: 204 });
      if (!file) {
        panel.faults.push(`asked for ${route.request().url()}`);
        return route.abort();
      }
      return route.fulfill({ contentType: `${file[0]}; charset=utf-8`, body: file[1] });
    });
    await page.addInitScript(standIn, THEMES[theme]);
    await page.goto(`${ORIGIN}/`);
    return panel;
  }
  /** Sends a message as the host would, and waits until the page has drawn it. */
  async send(message) {
    await this.page.evaluate((data) => {
      delete document.body.dataset.drawn;
      window.postMessage(data, "*");
    }, message);
  }
  /** Sends a residue and waits until every section stands. Returns the page's own time for it, ms. */
  async show(residue, shellUri = "file:///shell.yaml") {
    await this.send({ type: "residue", residue, shellUri });
    return this.drawn();
  }
  async drawn() {
    await this.page.waitForFunction(() => document.body.dataset.drawn !== void 0);
    return Number(await this.page.evaluate(() => document.body.dataset.drawn));
  }
  /** Messages of one type that the page has posted. */
  posted(type) {
    return this.page.evaluate((wanted) => window.posted.filter((m) => m.type === wanted), type);
  }
  /** Swaps the theme as VS Code does: the root's variables and the body's class. */
  async theme(name) {
    await this.page.evaluate(applyTheme, THEMES[name]);
  }
  close() {
    return this.page.close();
  }
};
function applyTheme(theme) {
  for (const [key, value] of Object.entries(theme.variables)) document.documentElement.style.setProperty(key, value);
  document.body.className = theme.bodyClass;
}
function standIn(theme) {
  const harness = window;
  harness.posted = [];
  harness.acquireVsCodeApi = () => ({
    postMessage: (message) => void harness.posted.push(message),
    getState: () => JSON.parse(sessionStorage.getItem("state") ?? "null"),
    setState: (state) => sessionStorage.setItem("state", JSON.stringify(state))
  });
  const paint = () => {
    for (const [key, value] of Object.entries(theme.variables)) document.documentElement.style.setProperty(key, value);
    document.body.className = theme.bodyClass;
  };
  new MutationObserver((_, observer) => {
    if (!document.body) return;
    observer.disconnect();
    paint();
  }).observe(document, { childList: true, subtree: true });
}
async function launch() {
  return chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
}
function buildPage() {
  execFileSync(process.execPath, ["esbuild.mjs", "--only=webview"], { stdio: "ignore" });
}

// test/e2e/panel-harness/shoot.ts
var files = process.argv.slice(2);
var residues = files.length ? files.map((f) => [f.replace(/^.*\//, "").replace(/\..*$/, ""), JSON.parse(readFileSync2(f, "utf8"))]) : [
  ["small", generateResidue({ length: 40, runs: 5, paraphrases: 8 })],
  ["large", generateResidue({ length: 1024, layers: 30, heads: 9 })]
];
var SIZES = [
  [400, 700],
  [480, 700],
  [700, 900],
  [1e3, 900]
];
mkdirSync("test-results", { recursive: true });
buildPage();
var browser = await launch();
for (const [name, residue] of residues)
  for (const theme of Object.keys(THEMES))
    for (const [width, height] of SIZES) {
      const panel = await PanelPage.open(browser, { width, height, theme });
      const time = await panel.show(residue);
      await panel.page.locator("tr[data-head]").first().click();
      await panel.page.mouse.move(2, 2);
      await panel.page.waitForTimeout(150);
      await panel.page.screenshot({ path: `test-results/panel-${name}-${theme}-${width}.png`, fullPage: true });
      if (width === 480) await panel.page.screenshot({ path: `test-results/panel-${name}-${theme}-first.png` });
      process.stdout.write(`${name} ${theme} ${width}: ${time} ms ${panel.faults.join(" | ")}
`);
      await panel.close();
    }
await browser.close();
