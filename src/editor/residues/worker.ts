/** Entry of dist/residues.cjs: the thread in which the extension has residues and shells read. */
import { parentPort } from 'node:worker_threads';
import { answer } from './answer.js';
import type { ResidueReply, ResidueRequest } from './protocol.js';

parentPort?.on('message', ({ id, ask, params }: ResidueRequest) => {
  let reply: ResidueReply;
  try {
    reply = { id, result: answer(ask, params) };
  } catch (error) {
    reply = { id, fault: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(reply);
});
