/** How facts are told and asked for: at least three paraphrases of every kind of sentence. */
import { TIMES } from './lexicon.js';
import type { Rule } from './lexicon.js';

/** The kinds of fact. `place` is the second hop of `box`: where the box is. */
export type Fact =
  | { kind: 'memory'; owner: string; thing: string; color: string }
  | { kind: 'time'; owner: string; time: number; place: string }
  | { kind: 'wish'; owner: string; chosen: string; other: string }
  | { kind: 'box'; thing: string; box: string }
  | { kind: 'place'; box: string; place: string }
  | { kind: 'cause'; owner: string; mood: string; cause: string }
  | { kind: 'negation'; owner: string; taken: string; left: string }
  | { kind: 'triple'; owner: string; color: string; thing: string; place: string };

export type FactKind = Fact['kind'];

/** What can be asked. `hop` asks for the place of a thing whose box is somewhere, `inside` for its box alone. */
export type Question =
  | { kind: 'memory'; owner: string; thing: string }
  | { kind: 'time'; owner: string; time: number }
  | { kind: 'last'; owner: string }
  | { kind: 'wish'; owner: string; options: readonly [string, string] }
  | { kind: 'hop'; thing: string }
  | { kind: 'think'; thing: string; box: string; place: string }
  | { kind: 'inside'; thing: string }
  | { kind: 'cause'; owner: string; mood: string }
  | { kind: 'negation'; owner: string }
  | { kind: 'rule'; owner: string };

export type QuestionKind = Question['kind'];

/** A time inside a sentence: "at noon". */
export const within = (time: number): string => TIMES[time]!.replace(/^[IA]/, (c) => c.toLowerCase());

/** The ways to tell a fact, the plainest first. */
export function tellings(f: Fact): string[] {
  switch (f.kind) {
    case 'memory':
      return [
        `${f.owner} has a ${f.color} ${f.thing}.`,
        `${f.owner} finds a ${f.color} ${f.thing}.`,
        `${f.owner} buys a ${f.color} ${f.thing}.`,
        `${f.owner}'s ${f.thing} is ${f.color}.`,
      ];
    case 'time':
      return [
        `${TIMES[f.time]}, ${f.owner} is in the ${f.place}.`,
        `${f.owner} is in the ${f.place} ${within(f.time)}.`,
        `${TIMES[f.time]}, ${f.owner} goes to the ${f.place}.`,
      ];
    case 'wish':
      return [
        `${f.owner} likes ${f.chosen} more than ${f.other}.`,
        `${f.owner} wants ${f.chosen}, not ${f.other}.`,
        `${f.owner} likes ${f.other} less than ${f.chosen}.`,
      ];
    case 'box':
      return [`The ${f.thing} is in the ${f.box}.`, `The ${f.box} holds the ${f.thing}.`, `Someone puts the ${f.thing} in the ${f.box}.`];
    case 'place':
      return [
        `The ${f.box} is in the ${f.place}.`,
        `In the ${f.place} stands the ${f.box}.`,
        `Someone puts the ${f.box} in the ${f.place}.`,
      ];
    case 'cause':
      return [
        `${f.owner} is ${f.mood} because of the ${f.cause}.`,
        `Because of the ${f.cause}, ${f.owner} is ${f.mood}.`,
        `The ${f.cause} makes ${f.owner} ${f.mood}.`,
      ];
    case 'negation':
      return [
        `${f.owner} takes the ${f.taken}, not the ${f.left}.`,
        `${f.owner} does not take the ${f.left} but the ${f.taken}.`,
        `${f.owner} takes the ${f.taken} or the ${f.left}. ${f.owner} does not take the ${f.left}.`,
        `${f.owner} takes the ${f.left} or the ${f.taken}. ${f.owner} does not take the ${f.left}.`,
      ];
    case 'triple':
      return [
        `${f.owner} has a ${f.color} ${f.thing} in the ${f.place}.`,
        `In the ${f.place}, ${f.owner} has a ${f.color} ${f.thing}.`,
        `${f.owner} keeps a ${f.color} ${f.thing} in the ${f.place}.`,
      ];
  }
}

/** The ways to give a rule. */
export function ruleTellings(rule: Rule): string[] {
  return rule === 'nothing'
    ? ['Rule: say nothing.', 'Rule: answer with nothing.', 'Rule: give no answer.']
    : [`Rule: answer with the ${rule}.`, `Rule: say the ${rule}.`, `Rule: give the ${rule}.`];
}

/** The ways to ask, each up to and including "A:"; the answer is the next word. */
export function askings(q: Question): string[] {
  switch (q.kind) {
    case 'memory':
      return [
        `Q: What color is ${q.owner}'s ${q.thing}? A:`,
        `Q: What is the color of ${q.owner}'s ${q.thing}? A:`,
        `Q: ${q.owner} has a ${q.thing}. What color is it? A:`,
      ];
    case 'time':
      return [
        `Q: ${TIMES[q.time]}, where is ${q.owner}? A:`,
        `Q: Where is ${q.owner} ${within(q.time)}? A:`,
        `Q: In which place is ${q.owner} ${within(q.time)}? A:`,
      ];
    case 'last':
      return [`Q: Where is ${q.owner} last? A:`, `Q: Where does ${q.owner} end up? A:`, `Q: Where is ${q.owner} in the end? A:`];
    case 'wish': {
      const [x, y] = q.options;
      return [
        `Q: What does ${q.owner} choose, ${x} or ${y}? A:`,
        `Q: Which does ${q.owner} choose, ${x} or ${y}? A:`,
        `Q: ${x} or ${y}, what does ${q.owner} choose? A:`,
      ];
    }
    case 'hop':
      return [`Q: Where is the ${q.thing}? A:`, `Q: In which place is the ${q.thing}? A:`, `Q: Where can we find the ${q.thing}? A:`];
    case 'think': {
      const steps = `Think: the ${q.thing} is in the ${q.box}, the ${q.box} is in the ${q.place}. A:`;
      return askings({ kind: 'hop', thing: q.thing }).map((text) => text.replace('A:', steps));
    }
    case 'inside':
      return [`Q: What is the ${q.thing} in? A:`, `Q: Which box is the ${q.thing} in? A:`, `Q: What holds the ${q.thing}? A:`];
    case 'cause':
      return [
        `Q: Why is ${q.owner} ${q.mood}? A:`,
        `Q: What makes ${q.owner} ${q.mood}? A:`,
        `Q: For what reason is ${q.owner} ${q.mood}? A:`,
      ];
    case 'negation':
      return [`Q: What does ${q.owner} take? A:`, `Q: Which thing does ${q.owner} take? A:`, `Q: What is taken by ${q.owner}? A:`];
    case 'rule':
      return [`Q: What about ${q.owner}? A:`, `Q: And ${q.owner}? A:`, `Q: What of ${q.owner}? A:`];
  }
}

/** A statement that ends in what a question asks for, up to before that word; undefined where there is none. */
export function completion(q: Question): { before: string; after: string } | undefined {
  switch (q.kind) {
    case 'memory':
      return { before: `${q.owner}'s ${q.thing} is`, after: '.' };
    case 'time':
      return { before: `${TIMES[q.time]}, ${q.owner} is in the`, after: '.' };
    case 'wish':
      return { before: `${q.owner} chooses`, after: '.' };
    case 'inside':
      return { before: `The ${q.thing} is in the`, after: '.' };
    case 'cause':
      return { before: `${q.owner} is ${q.mood} because of the`, after: '.' };
    default:
      return undefined;
  }
}

/** What a person says of a thing, up to before the color. */
export const says = (owner: string, thing: string): { before: string; after: string } => ({
  before: `${owner} says, "My ${thing} is`,
  after: '."',
});

/** All that a fact says, as one text: facts are the same where these are. */
export function textOf(f: Fact): string {
  return Object.values(f).join('|');
}
