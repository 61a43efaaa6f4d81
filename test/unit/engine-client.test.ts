import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainExit } from '../../src/engine/process.js';
import { isFromEngine } from '../../src/engine/protocol.js';

describe('the client of the engine', () => {
  test('tells why a process ended, and what to do', () => {
    expect(explainExit(null, 'SIGKILL', '', true)).toMatchObject({ code: 'crashed', message: expect.stringContaining('smaller model') });
    expect(
      explainExit(134, null, '…\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n', true).message,
    ).toContain('ran out of memory');
    expect(explainExit(null, 'SIGSEGV', '', true).message).toContain('native code (SIGSEGV)');
    expect(explainExit(0xc0000005, null, '', true).message).toContain('native code (code 0xc0000005)');
    expect(explainExit(null, 'SIGBUS', '', true).message).toContain('model file');
    const noStart = explainExit(1, null, "node:internal\n  throw err;\n\nError: Cannot find module 'onnxruntime-node'\n    at x\n", false);
    expect(noStart).toMatchObject({
      code: 'start',
      message: "The engine could not start (exit code 1): Error: Cannot find module 'onnxruntime-node'.",
    });
  });

  test('drops what an engine would not send', () => {
    expect(isFromEngine({ type: 'ready', protocol: 1, pid: 2 })).toBe(true);
    expect(isFromEngine({ type: 'event', id: 1, event: { kind: 'chunk', offset: 0, total: 1, data: Float32Array.of(1) } })).toBe(true);
    fc.assert(
      fc.property(fc.anything(), (junk) => !isFromEngine(junk)),
      { seed: 4, numRuns: 1000 },
    );
    fc.assert(
      fc.property(
        fc.record({ type: fc.constantFrom('ready', 'error', 'event'), id: fc.nat(), event: fc.anything(), error: fc.anything() }),
        (junk) => {
          expect(isFromEngine(junk)).toBe(false);
        },
      ),
      { seed: 5, numRuns: 1000 },
    );
  });
});
