/**
 * Datagrams through a SOCKS5 proxy: `node udp-call.mjs origin ADDRESS PORT`, which says `ready` and sends each back, and
 * `node udp-call.mjs client PROXY-PORT ADDRESS PORT`.
 *
 * A line of the client's stdin is a JSON object, `{answers, gapMs, bytes, mostMs}`: a call on an association of its own, with a datagram of
 * so many bytes each time, until so many answers have come, or it has lasted for too long. When the last answers have come, or a second
 * later, it says `{sent, came, longestMs}`: datagrams, answers, and the longest time without one while it lasted.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { associate, HEADER_BYTES, headerFor } from './socks-associate.mjs';

const [role, first, second, third] = process.argv.slice(2);
const say = (word) => process.stdout.write(`${word}\n`);

if (role === 'origin') {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  socket.on('message', (message, { address, port }) => socket.send(message, port, address));
  socket.bind(Number(second), first, () => say('ready'));
} else {
  const header = headerFor(second, Number(third));
  say('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const { control, socket, relay } = await associate(Number(first));
    say(JSON.stringify(await call(socket, relay, header, JSON.parse(line))));
    socket.close();
    control.destroy();
  }
  process.exit();
}

async function call(socket, relay, header, { answers, gapMs, bytes, mostMs }) {
  const figures = { sent: 0, came: 0, longestMs: 0 };
  const heard = new Set();
  let isOver = false;
  let lastMs = performance.now();
  const onMessage = (message) => {
    const number = message.readUInt32BE(HEADER_BYTES);
    if (message.length !== HEADER_BYTES + bytes || heard.has(number)) return;
    heard.add(number);
    const nowMs = performance.now();
    figures.came++;
    if (!isOver) figures.longestMs = Math.max(figures.longestMs, Math.round(nowMs - lastMs));
    lastMs = nowMs;
  };
  socket.on('message', onMessage);
  const startMs = performance.now();
  while (figures.came < answers && performance.now() - startMs < mostMs) {
    const payload = Buffer.alloc(bytes, 7);
    payload.writeUInt32BE(figures.sent++);
    socket.send([header, payload], relay, '127.0.0.1');
    await sleep(Math.max(0, startMs + figures.sent * gapMs - performance.now()));
  }
  isOver = true;
  const endMs = performance.now();
  while (figures.came < figures.sent && performance.now() - endMs < 1_000) await sleep(5);
  return figures;
}
