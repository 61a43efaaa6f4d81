import type { TokenHint } from './token-hints.js';

/** Language server → its thread for tokenizers. */
export interface TokenRequest {
  id: number;
  text: string;
  /** The model of shells that name none. */
  defaultModel: string;
  /** Where a relative path of a model starts. */
  folder: string;
  /** Any model on the machine may be opened; else those alone that come with the extension. */
  trusted: boolean;
  boundaries: boolean;
}

/** The thread's answer. `note`: why there are no hints, for the log. */
export interface TokenReply {
  id: number;
  hints: TokenHint[];
  note?: string;
}
