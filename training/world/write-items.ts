/** `node training/world.mjs items OUT [seed] [count]`: writes the evaluation's items, one JSON line per cell. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { HELD_OUT_CAST, SKILLS, item } from './items.js';
import type { Cell } from './items.js';
import { Random } from './random.js';
import { WordEncoder, makeTokenizer } from './tokenizer.js';

/** Facts and fillers of the table's columns. Beyond about 40 fillers lies what no training row reached. */
const COLUMNS = [
  [1, 0],
  [2, 0],
  [4, 0],
  [1, 8],
  [2, 8],
  [4, 8],
  [1, 24],
  [4, 24],
  [1, 64],
] as const;

const [out = 'dist/training/items.jsonl', seed = 'evaluation', count = '500'] = process.argv.slice(2);
mkdirSync(dirname(out), { recursive: true });
const encoder = new WordEncoder(makeTokenizer());
const cells: (Cell & { heldOutWords: boolean })[] = [
  ...SKILLS.flatMap((skill) => COLUMNS.map(([facts, fillers]) => ({ skill, facts, fillers, heldOutWords: false }))),
  ...SKILLS.flatMap((skill) => [1, 2].map((facts) => ({ skill, facts, fillers: 0, heldOutWords: true }))),
];
const fd = openSync(out, 'w');
for (const cell of cells) {
  const { skill, facts, fillers, heldOutWords } = cell;
  const r = new Random(`${seed}/${skill}/${facts}/${fillers}/${heldOutWords}`);
  const items = Array.from({ length: Number(count) }, () => {
    const { prompt, answer } = item(r, { skill, facts, fillers, cast: heldOutWords ? HELD_OUT_CAST : undefined });
    return [[encoder.bos, ...encoder.encode(prompt)], encoder.encode(` ${answer}`)[0]];
  });
  writeSync(fd, JSON.stringify({ skill, facts, fillers, heldOutWords, items }) + '\n');
}
closeSync(fd);
console.log(`${cells.length} cells of ${count} items`);
