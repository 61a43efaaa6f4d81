/**
 * The toolkit takes the theme over, and begins to follow it, at the window's `load`, which has passed when this script comes after the
 * first paint. What it asks to be told of then is held back and told by `loaded`. Imported before it, for it asks as it is imported.
 */
const waiting: EventListenerOrEventListenerObject[] = [];

if (document.readyState === 'complete')
  window.addEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void => {
    if (type === 'load') waiting.push(listener);
    else EventTarget.prototype.addEventListener.call(window, type, listener, options);
  };

/** Tells what waits for the window's `load`. */
export function loaded(): void {
  // What hid the window's own.
  delete (window as { addEventListener?: unknown }).addEventListener;
  for (const listener of waiting) {
    if (typeof listener === 'function') listener.call(window, new Event('load'));
    else listener.handleEvent(new Event('load'));
  }
}
