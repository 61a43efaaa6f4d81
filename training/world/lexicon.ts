/** The words of Pocket's world. Every word is one token of its tokenizer. */
const words = (text: string): readonly string[] => text.split(' ');

export const NAMES = words(
  'Tom Anna Sam Mia Ben Lily Max Eva Leo Nora Jack Rose Finn Ruby Adam Ivy Paul Jane Mark Zoe Hugo Clara Ned Ella',
);
export const COLORS = words('red blue green yellow black white brown pink gray orange');
export const THINGS = words('ball cup hat kite book coat lamp drum boat doll ring bell bag shoe');
export const PLACES = words('garden kitchen barn park school forest market river attic shop tower cellar');
export const BOXES = words('box basket drawer jar chest bucket');
export const FOODS = words('apples pears plums cherries bread cheese honey nuts soup cake');
export const MOODS = words('happy sad tired angry proud calm');
export const CAUSES = words('rain snow storm music letter game story news gift noise');

/** Times of the day in their order, as they begin a sentence. */
export const TIMES = ['In the morning', 'At noon', 'In the evening', 'At night'] as const;

/** Names and things that no training text holds: what is found with them was not learned with them. */
export const HELD_OUT_NAMES = words('Kate Otto Nina Carl Vera Hans');
export const HELD_OUT_THINGS = words('key rope coin vase');

/** Sentences that say nothing about any fact. */
export const FILLERS = [
  'They walk for a while.',
  'The sun is warm.',
  'A bird sings in a tree.',
  'The wind is soft today.',
  'A dog runs by.',
  'They laugh and talk.',
  'It is a quiet day.',
  'Clouds move over the hills.',
  'A cat sleeps on the wall.',
  'They sit down and rest.',
  'Someone plays a song.',
  'The road is long.',
  'The grass is wet.',
  'They drink some water.',
  'A bell rings far away.',
  'Two ducks swim by.',
  'They look at the sky.',
  'The air smells of rain.',
  'A boy waves at them.',
  'The old clock ticks.',
] as const;

/** What a rule asks for. */
export const RULES = ['color', 'thing', 'place', 'nothing'] as const;
export type Rule = (typeof RULES)[number];

/** The answer to a question about what was never told. */
export const UNKNOWN = 'unknown';
/** The answer under the rule that says to say nothing. */
export const NOTHING = 'nothing';
