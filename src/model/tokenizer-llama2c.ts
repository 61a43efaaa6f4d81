import { InputError } from '../errors.js';
import { openFile } from './file.js';
import { byteOfToken } from './pieces.js';
import { buildTokenizer } from './tokenizer-build.js';
import { scoreCore } from './tokenizer-score.js';
import type { Tokenizer } from './types.js';

const MAX_BYTES = 64 * 1024 * 1024;
const UNKNOWN = 0;
const BOS = 1;
const EOS = 2;

/**
 * llama2.c's `tokenizer.bin`: int32 longest token, then for each token float32 score, int32 length, bytes. The number of tokens is
 * the model's vocabulary. As run.c: BOS (1) in front, a space before the text, and generation ends at BOS or EOS.
 */
export function loadLlama2cTokenizer(file: string, vocabSize: number): Tokenizer {
  const bytes = read(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  const scores: number[] = [];
  const byteIds: (number | undefined)[] = new Array<number | undefined>(256).fill(undefined);
  let at = 4;
  for (let id = 0; id < vocabSize; id++) {
    if (at + 8 > bytes.length) {
      throw new InputError(`The tokenizer file ends after ${id} tokens, but the model has ${vocabSize}.`, { file });
    }
    const score = view.getFloat32(at, true);
    const length = view.getInt32(at + 4, true);
    at += 8;
    if (length < 0 || at + length > bytes.length) {
      throw new InputError(`Token ${id} of the tokenizer file claims ${length} bytes, but ${bytes.length - at} are left.`, {
        file,
        field: `token ${id}`,
      });
    }
    if (!Number.isFinite(score))
      throw new InputError(`Token ${id} of the tokenizer file has the score ${score}.`, { file, field: `token ${id}` });
    let piece: string;
    try {
      piece = decoder.decode(bytes.subarray(at, at + length));
    } catch {
      throw new InputError(`Token ${id} of the tokenizer file is not valid UTF-8.`, { file, field: `token ${id}` });
    }
    at += length;
    const byte = id > EOS ? byteOfToken(piece) : null;
    if (byte !== null && byteIds[byte] === undefined) byteIds[byte] = id;
    pieces.push(piece);
    scores.push(score);
  }
  if (at !== bytes.length) {
    throw new InputError(
      `The tokenizer file holds ${bytes.length - at} bytes after the ${vocabSize} tokens of the model, so it belongs to another model.`,
      { file },
    );
  }
  if (vocabSize <= EOS)
    throw new InputError(`A vocabulary of ${vocabSize} tokens has no room for the unknown, BOS and EOS tokens.`, { file });
  const special = new Set([UNKNOWN, BOS, EOS]);
  return buildTokenizer({
    kind: 'llama2.c',
    file,
    core: scoreCore({
      pieces,
      scores,
      style: 'plain',
      bytes: byteIds,
      unknownId: UNKNOWN,
      prefixSpace: true,
      whole: new Map(),
      bosId: BOS,
      unmergeable: new Set(),
      bytesFirst: true,
    }),
    size: vocabSize,
    prefix: [BOS],
    suffix: [],
    bosId: BOS,
    eosIds: [EOS, BOS],
    specialIds: special,
    chat: null,
    notes: [],
  });
}

function read(path: string): Uint8Array {
  const file = openFile(path);
  try {
    if (file.size < 4 || file.size > MAX_BYTES) {
      throw new InputError(`The tokenizer file has ${file.size} bytes; between 4 and ${MAX_BYTES} are read.`, { file: path });
    }
    return file.read(0, file.size);
  } finally {
    file.close();
  }
}
