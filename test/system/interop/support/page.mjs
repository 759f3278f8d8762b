/**
 * A page of many objects for browsers: `node page.mjs ADDRESS PORT OBJECTS`. When all have come the page asks for `/loaded/N`.
 *
 * Lines of stdout: `ready`; the path of each request.
 */
import { createServer } from 'node:http';

const [address, port, objects] = process.argv.slice(2);
const filler = 'x'.repeat(10_000);
const pictures = Array.from(
  { length: Number(objects) },
  (_, i) => `<img src="/picture-${i}.svg" onload="count += 1">`,
);
const page = `<!DOCTYPE html><script>let count = 0; onload = () => fetch('/loaded/' + count)</script>\n${pictures.join('\n')}`;
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${filler}--></svg>`;

const server = createServer((request, response) => {
  process.stdout.write(`${request.url}\n`);
  const isPicture = request.url.endsWith('.svg');
  response.setHeader('content-type', isPicture ? 'image/svg+xml' : 'text/html');
  response.setHeader('cache-control', 'no-store');
  response.end(isPicture ? picture : page);
});
server.on('clientError', (_error, socket) => socket.destroy());
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
