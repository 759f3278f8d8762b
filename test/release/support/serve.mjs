/**
 * Serves a folder on loopback, by HTTP and by HTTPS: `node serve.mjs FOLDER KEY CERTIFICATE` prints both ports, and ends with its stdin.
 * `/redirect/...` leads to the same place by HTTP.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join, normalize } from 'node:path';

const [folder, key, certificate] = process.argv.slice(2);
const plain = createServer(answer).listen(0, '127.0.0.1', () => {
  secure.listen(0, '127.0.0.1', () => console.log(`${plain.address().port} ${secure.address().port}`));
});
const secure = createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate) }, answer);
process.stdin.resume().on('end', () => process.exit());

function answer({ url }, response) {
  const path = normalize(url);
  if (path.startsWith('/redirect/')) {
    const location = `http://127.0.0.1:${plain.address().port}${path.slice('/redirect'.length)}`;
    response.writeHead(302, { location }).end();
    return;
  }
  try {
    response.end(readFileSync(join(folder, path)));
  } catch {
    response.writeHead(404).end();
  }
}
