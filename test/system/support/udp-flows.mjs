/**
 * Datagrams through a SOCKS5 proxy, all on one association: `node udp-flows.mjs PROXY-PORT`, which says `ready`. A line of its stdin is
 * `ADDRESS PORT SECONDS`: one datagram there, again every 100 ms, until it has been answered; then it says who the origin says it was sent
 * by and after how many milliseconds, or `none`. The origin is udp-echo.mjs.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { associate, HEADER_BYTES, headerFor } from './socks-associate.mjs';

const GAP_MS = 100;

const { socket, relay } = await associate(Number(process.argv[2]));
let question = 0;
let answer;
socket.on('message', (message) => {
  const [from, number] = message.subarray(HEADER_BYTES).toString().split(' ');
  if (Number(number) === question) answer ??= from;
});
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [address, port, seconds] = line.split(' ');
  question++;
  answer = undefined;
  const startMs = performance.now();
  const datagram = Buffer.concat([headerFor(address, Number(port)), Buffer.from(String(question))]);
  while (answer === undefined && performance.now() - startMs < Number(seconds) * 1_000) {
    socket.send(datagram, relay, '127.0.0.1');
    await sleep(GAP_MS);
  }
  console.log(answer === undefined ? 'none' : `${answer} ${Math.round(performance.now() - startMs)}`);
}
process.exit();
