/**
 * Flags of the engine's Node. Traced arrays bring about many small collections; with threads of their own these take the processor from
 * the model's (a traced pass takes a sixth longer).
 */
export const ENGINE_FLAGS: readonly string[] = ['--single-threaded-gc'];
