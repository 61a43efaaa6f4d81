import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pageFiles } from './harness.js';

/** Serves the panel's page from memory to this machine alone. */
export async function servePage(): Promise<{ origin: string; close(): void }> {
  const server = createServer((request, response) => {
    const file = files[request.url ?? '/'];
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': `${file.type}; charset=utf-8`, 'cache-control': 'no-store' }).end(file.text);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const files = pageFiles(origin);
  return { origin, close: () => server.close() };
}
