/**
 * A page of many objects for browsers: `node page.mjs ADDRESS PORT OBJECTS`. When all have come the page asks for a WebSocket, and when
 * that has said something, for `/loaded/N/WHAT-IT-SAID`.
 *
 * Lines of stdout: `ready`; the path of each request.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const [address, port, objects] = process.argv.slice(2);
const filler = 'x'.repeat(10_000);
const pictures = Array.from(
  { length: Number(objects) },
  (_, i) => `<img src="/picture-${i}.svg" onload="count += 1">`,
);
const script = `
  let count = 0;
  onload = () => {
    new WebSocket('ws://' + location.host + '/socket').onmessage = ({ data }) => fetch('/loaded/' + count + '/' + data);
  };`;
const page = `<!DOCTYPE html><script>${script}</script>\n${pictures.join('\n')}`;
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${filler}--></svg>`;
/** RFC 6455 section 1.3. */
const WEB_SOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer((request, response) => {
  process.stdout.write(`${request.url}\n`);
  const isPicture = request.url.endsWith('.svg');
  response.setHeader('content-type', isPicture ? 'image/svg+xml' : 'text/html');
  response.setHeader('cache-control', 'no-store');
  response.end(isPicture ? picture : page);
});
server.on('upgrade', (request, socket) => {
  process.stdout.write(`${request.url}\n`);
  const key = createHash('sha1').update(request.headers['sec-websocket-key'] + WEB_SOCKET_GUID);
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${key.digest('base64')}`].join('\r\n')}\r\n\r\n`);
  const said = Buffer.from('hello');
  // One whole text frame (RFC 6455 section 5.2).
  socket.write(Buffer.concat([Buffer.of(0x81, said.length), said]));
  socket.on('error', () => {});
});
server.on('clientError', (_error, socket) => socket.destroy());
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
