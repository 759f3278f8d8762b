// A captive portal in place of the concentrator. KIND: page, redirect, drop (the same; other ports are), stranger, stranger-1.2, silent (after TCP), cut.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const [kind, port, cert, key] = process.argv.slice(2);
const page = (head) => `HTTP/1.1 ${head}\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlog in`;
const redirect = (socket) =>
  socket.once('data', () => socket.end(page('302 Found\r\nLocation: http://10.78.1.1/')));
const answers = {
  page: (socket) => socket.once('data', () => socket.end(page('400 Bad Request'))),
  redirect,
  drop: redirect,
  silent: (socket) => socket.resume(),
  cut: (socket) => socket.once('data', () => socket.destroy()),
};
const tls = (options) =>
  createTlsServer({ cert: readFileSync(cert), key: readFileSync(key), ...options }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(page('302 Found')));
  });
const server =
  {
    stranger: () => tls({}),
    'stranger-1.2': () => tls({ maxVersion: 'TLSv1.2' }),
  }[kind]?.() ?? createServer(answers[kind]);
server.on('connection', (socket) => socket.on('error', () => {}));
server.on('tlsClientError', () => {});
server.listen(Number(port), () => console.log('listening'));
