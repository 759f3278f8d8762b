/**
 * Applications with manners good and bad behind a SOCKS5 proxy: `node application.mjs PROXY-ADDRESS PROXY-PORT USER PASSWORD`.
 *
 * A line of stdin is a JSON object: `id`; `count` of connections; `from`, their own address; `host` and `port` of the origin; `send`, bytes;
 * and `ending`: "idle", "half-close", "close" (both ways) or "deaf" (does not read). Answers, one a line:
 * `open ID N`, the number that got a connection; `got ID BYTES CODE`, when one of them ends, `CODE` - for an end in order.
 * `{"echo": ID}` sends a byte on each connection of ID, which comes back: `echoed ID N`. `{"read": ID}` reads a deaf one.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [proxy, proxyPort, user, password] = process.argv.slice(2);
const ECHO_LIMIT_MS = 5_000;
const groups = new Map();
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  if (command.echo !== undefined) echo(command.echo);
  else if (command.read !== undefined) for (const socket of groups.get(command.read)) socket.resume();
  else start(command);
});

async function start({ id, count, from, host, port, send = 0, ending }) {
  const opened = await Promise.all(Array.from({ length: count }, () => open(from, host, port)));
  const sockets = opened.filter((socket) => socket !== undefined);
  groups.set(id, sockets);
  for (const socket of sockets) {
    let bytes = 0;
    let isOver = false;
    const over = (code) => {
      if (!isOver) say('got', id, bytes, code);
      isOver = true;
    };
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.once('end', () => over('-'));
    socket.once('error', ({ code }) => over(code));
    socket.once('close', () => over('closed'));
    if (ending === 'deaf') socket.pause();
    const written = () => {
      if (ending === 'half-close') socket.end();
      // Nothing is unread, so this says FIN.
      if (ending === 'close') socket.destroy();
    };
    if (send > 0) socket.write(Buffer.alloc(send, 1), written);
    else written();
  }
  say('open', id, sockets.length);
}

async function echo(id) {
  const answers = (groups.get(id) ?? []).map(
    (socket) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(0), ECHO_LIMIT_MS);
        socket.once('data', () => {
          clearTimeout(timer);
          resolve(1);
        });
        socket.write('e');
      }),
  );
  say(
    'echoed',
    id,
    (await Promise.all(answers)).reduce((sum, one) => sum + one, 0),
  );
}

/** @returns a connection through the proxy; undefined if that refuses */
async function open(from, host, port) {
  const socket = connect({ host: proxy, port: Number(proxyPort), localAddress: from, allowHalfOpen: true });
  socket.on('error', () => {});
  const replies = [];
  // Greeting, login and request at once: 2, 2 and 10 bytes come back.
  const login = [1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)];
  const target = [1, ...host.split('.').map(Number), port >> 8, port & 255];
  socket.write(Buffer.of(5, 1, 2, ...login, 5, 1, 0, ...target));
  return new Promise((resolve) => {
    const onReadable = () => {
      const bytes = socket.read(14 - Buffer.concat(replies).length) ?? socket.read();
      if (bytes !== null) replies.push(bytes);
      const all = Buffer.concat(replies);
      if (all.length < 14) return;
      done(all[5] === 0 ? socket : undefined);
    };
    const done = (result) => {
      socket.off('readable', onReadable);
      socket.off('close', onClose);
      if (result === undefined) socket.destroy();
      resolve(result);
    };
    const onClose = () => done(undefined);
    socket.on('readable', onReadable);
    socket.once('close', onClose);
  });
}
