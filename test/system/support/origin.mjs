/**
 * The origin of the system tests, a small HTTP server: `node origin.mjs ADDRESS PORT`.
 *
 * - `GET /bytes/N` answers N bytes of a fixed, incompressible sequence.
 * - `GET /peer` answers the address that the request came from.
 * - `PUT /` takes a body and answers its SHA-256; meanwhile stdout says how much of it has come.
 *
 * Lines of stdout: `ready`; `received N` and `sent N`, of the current request, as often as every 10 ms.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { createServer } from 'node:http';

const PIECE = Buffer.alloc(64 * 1024);
const REPORT_INTERVAL_MS = 10;

const server = createServer((request, response) => {
  const report = reporter();
  if (request.method === 'PUT') {
    const hash = createHash('sha256');
    request.on('data', (bytes) => {
      hash.update(bytes);
      report('received', bytes.length);
    });
    request.on('end', () => {
      report.flush();
      response.end(hash.digest('hex'));
    });
    return;
  }
  if (request.url === '/peer') {
    response.end(request.socket.remoteAddress);
    return;
  }
  let left = Number(request.url.split('/').at(-1));
  response.writeHead(200, { 'content-length': left });
  const sequence = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const send = () => {
    while (left > 0) {
      const piece = sequence.update(PIECE.subarray(0, Math.min(left, PIECE.length)));
      left -= piece.length;
      report('sent', piece.length);
      if (!response.write(piece)) return;
    }
    report.flush();
    response.end();
  };
  response.on('drain', send);
  send();
});
// A connection that breaks is the tests' own doing.
server.on('clientError', (_error, socket) => socket.destroy());
server.listen(Number(process.argv[3]), process.argv[2], () => process.stdout.write('ready\n'));

function reporter() {
  let total = 0;
  let kind = '';
  let reportedMs = 0;
  const flush = () => process.stdout.write(`${kind} ${total}\n`);
  const report = (newKind, bytes) => {
    kind = newKind;
    total += bytes;
    if (performance.now() - reportedMs < REPORT_INTERVAL_MS) return;
    reportedMs = performance.now();
    flush();
  };
  report.flush = flush;
  return report;
}
