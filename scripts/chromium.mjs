// Finds Chromium for the tests that drive a browser, and installs Debian's package where it can.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './setup.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'];
const fixed = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of a Chromium-like browser, or null. `CHROMIUM=path` comes first and must exist. */
export function findChromium() {
  const asked = process.env.CHROMIUM;
  if (asked) {
    if (!executable(asked))
      throw new Error(`CHROMIUM=${asked} is not a program that can be run: set it to the path of Chromium or Chrome.`);
    return asked;
  }
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/snap/bin'];
  const onPath = names.flatMap((name) => folders.filter(Boolean).map((folder) => join(folder, name)));
  return [...onPath, ...fixed].find((path) => existsSync(path) && executable(path)) ?? null;
}

/** As `findChromium`; installs the package `chromium` with apt-get where there is none. Fails saying what to do. */
export async function ensureChromium() {
  const found = findChromium();
  if (found) return found;
  const how = 'install Chromium or Chrome, or name one with CHROMIUM=/path/to/chromium';
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get'))
    throw new Error(`No Chromium was found for the browser tests: ${how}.`);
  const prefix = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  say('Installing Chromium with apt-get for the browser tests …');
  try {
    for (const args of [
      ['apt-get', 'update', '-qq'],
      ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium'],
    ]) {
      const [command, ...rest] = [...prefix, ...args];
      execFileSync(command, rest, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    }
  } catch {
    throw new Error(`Chromium could not be installed with apt-get (are you root, or is sudo free of a password?): ${how}.`);
  }
  const installed = findChromium();
  if (!installed) throw new Error(`apt-get installed no program called chromium: ${how}.`);
  return installed;
}

/** Arguments under which Chromium runs as root, without a GPU and without a network of its own. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
