import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { engineEnvironment, engineFlags } from '../../src/engine/flags.js';

describe('how the engine is started', () => {
  it('gives this Node flags that it knows', () => {
    const out = execFileSync(process.execPath, [...engineFlags(process.versions.v8), '--print', '40 + 2'], { encoding: 'utf8' });
    expect(out.trim()).toBe('42');
  });

  it('leaves out what another Node may not know', () => {
    const everywhere = ['--single-threaded-gc'];
    for (const v8 of [null, '11.3.244.8-node.38', '13.2.152.41-electron.0', '13.5.1', '14.0.3', '15.1', '', 'x.y'])
      expect(engineFlags(v8), String(v8)).toEqual(everywhere);
    for (const v8 of ['13.6.233.17-node.53', '13.8.258.32-electron.0', '13.10.1'])
      expect(engineFlags(v8), v8).toEqual([...everywhere, '--external-memory-accounted-in-global-limit', '--initial-heap-size=384']);
  });

  it('asks glibc for huge pages, beside what the user asks of it', () => {
    const tunables = (own?: string, platform: NodeJS.Platform = 'linux') =>
      engineEnvironment(own === undefined ? {} : { GLIBC_TUNABLES: own }, { platform }).GLIBC_TUNABLES;
    expect(tunables()).toBe('glibc.malloc.hugetlb=1');
    expect(tunables('')).toBe('glibc.malloc.hugetlb=1');
    expect(tunables('glibc.malloc.check=3')).toBe('glibc.malloc.check=3:glibc.malloc.hugetlb=1');
    expect(tunables('glibc.malloc.hugetlb=0')).toBe('glibc.malloc.hugetlb=0');
    expect(tunables(undefined, 'darwin')).toBeUndefined();
    expect(tunables('a.b=1', 'win32')).toBe('a.b=1');
  });

  it("keeps the parent's variables but for those that would stop an engine", () => {
    const parent = { PATH: '/bin', NODE_OPTIONS: '--inspect-brk' };
    expect(engineEnvironment(parent, { platform: 'darwin' })).toEqual({ PATH: '/bin' });
    expect(engineEnvironment(parent, { platform: 'darwin', electron: true })).toEqual({ PATH: '/bin', ELECTRON_RUN_AS_NODE: '1' });
    expect(parent.NODE_OPTIONS).toBe('--inspect-brk');
  });
});
