import type { ConfigReader } from './config.js';
import { show } from './json.js';

/**
 * Sliding-window attention is not supported, so a window must be without effect: not set, on no layer, or at least as long as
 * the context (a query sees itself and the `window` − 1 tokens before it). `uses`: whether the family's own switch turns it on; `from`: first layer that would have it.
 */
export function checkSlidingWindow(
  config: ConfigReader,
  context: number,
  layers: number,
  defaults: { window: number | null; uses: boolean; from: number },
): void {
  const sliding = slidingLayers(config, layers);
  const window = config.raw('sliding_window') === undefined ? defaults.window : (config.optionalCount('sliding_window') ?? null);
  const some = sliding ?? (defaults.uses && window !== null && defaults.from < layers);
  if (!some || (window !== null && window >= context)) return;
  throw config.fail(
    'sliding_window',
    window === null
      ? '"layer_types" asks for sliding_attention, but "sliding_window" gives no length'
      : `"sliding_window" is ${window}, shorter than the context of ${context}, and sliding-window attention is not supported; only null or a window as long as the context is`,
  );
}

/** Whether `layer_types` gives a window to any layer; undefined where it is not set. */
function slidingLayers(config: ConfigReader, layers: number): boolean | undefined {
  const types = config.raw('layer_types') ?? null;
  if (types === null) return undefined;
  if (!Array.isArray(types) || types.length !== layers || !types.every((t) => t === 'full_attention' || t === 'sliding_attention')) {
    throw config.fail(
      'layer_types',
      `"layer_types" is ${show(types)}, but must be full_attention or sliding_attention for each of the ${layers} layers`,
    );
  }
  return types.includes('sliding_attention');
}
