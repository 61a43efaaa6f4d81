/** Parameters of the largest model that is small. */
const MOST_PARAMETERS = 2 ** 23;

/**
 * Whether weights of a model may be held several times. Its products are too small to keep several threads busy, so that its variants are
 * shared out to threads that have sessions of their own, and begin where they part from the unchanged run, inside a block if need be.
 */
export const isSmall = (parameters: number): boolean => parameters <= MOST_PARAMETERS;
