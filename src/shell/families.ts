/** What a shell can probe, and the question that each family asks. */
export const FAMILIES = {
  memory: 'Is a fact still read at the answer, however far away it is?',
  value: 'Which of several values wins when they compete?',
  salience: 'Which layers and heads carry the signal, and which only look?',
  temporal: 'Does attention land on the right moment?',
  instruction: 'What is left of two instructions that disagree?',
} as const;
