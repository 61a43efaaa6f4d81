import type { ValidateFunction } from 'ajv/dist/2020.js';

/**
 * The validator of a shell with every command. Compiling it takes a good part of the time in which a small shell is run, so the bundles
 * have it ready-made in place of this file (scripts/shell-validator.mjs); from source there is none, and it is compiled when first used.
 */
export const precompiled: ValidateFunction | null = null;
