/** `node training/world.mjs OUT [seed] [scale]`: writes tokenizer.json and, for each stage of the curriculum, its rows of tokens. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BOXES, NAMES, THINGS } from './lexicon.js';
import { Random } from './random.js';
import { CURRICULUM } from './stages.js';
import { story } from './story.js';
import { WordEncoder, makeTokenizer, tokenizerJson } from './tokenizer.js';

const [out = 'dist/training', seed = '1', scale = '1'] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const tokenizer = makeTokenizer();
writeFileSync(join(out, 'tokenizer.json'), tokenizerJson(tokenizer));
const encoder = new WordEncoder(tokenizer);
const measure = (text: string): number => encoder.encode(text).length;
const stages = CURRICULUM.map((stage, s) => {
  const rows = Math.max(1, Math.round((stage.tokens * Number(scale)) / stage.length));
  const file = `stage-${s}.bin`;
  const r = new Random(`${seed}/${s}`);
  const fd = openSync(join(out, file), 'w');
  let [answers, filled] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const line = new Uint16Array(stage.length);
    line[0] = encoder.bos;
    let at = 1;
    for (const { text, answer } of story(r, stage.kind, stage.length - 1, measure))
      for (const id of encoder.encode(text)) {
        line[at++] = answer ? id | 0x8000 : id;
        if (answer) answers++;
      }
    filled += at;
    for (; at < stage.length; at++) line[at] = 0x4000;
    writeSync(fd, line);
  }
  closeSync(fd);
  console.log(
    `${file}: ${rows} rows of ${stage.length}, ${(filled / rows).toFixed(1)} tokens and ${(answers / rows).toFixed(1)} answers a row`,
  );
  return { file, length: stage.length, rows };
});
/** The tokens of each word, with and without a space before it. */
const tokensOf = (words: readonly string[]): number[][] =>
  words.map((word) => [word, ` ${word}`].flatMap((text) => tokenizer.vocab.get(text.replace(' ', 'Ġ')) ?? []));
writeFileSync(
  join(out, 'data.json'),
  JSON.stringify(
    {
      vocab: tokenizer.vocab.size,
      bos: 0,
      answer: 0x8000,
      padding: 0x4000,
      cues: [tokensOf(NAMES), tokensOf([...THINGS, ...BOXES])],
      stages,
    },
    null,
    1,
  ),
);
console.log(`${tokenizer.vocab.size} tokens, ${tokenizer.merges.length} merges`);
