/**
 * Two applications behind a SOCKS5 proxy, which try again at once when they are broken off: `node load.mjs PROXY-PORT ADDRESS PORT`.
 * One always downloads; the other makes a new connection every 50 ms, for an answer of one byte, and gives none more than 5 s.
 *
 * When its stdin ends it prints JSON: how often each had an answer and was broken off, and the longest times in which nothing
 * arrived, and in which no new connection had its answer.
 */
import { connect } from 'node:net';

const PAUSE_MS = 50;
const LIMIT_MS = 5000;
const DOWNLOAD_BYTES = 2_000_000_000;
const [proxyPort, address, port] = process.argv.slice(2);
const counts = { answers: 0, refusals: 0, downloads: 0, breaks: 0 };
const bytesGap = gapMeter();
const opensGap = gapMeter();
let isOver = false;

process.stdin.resume().on('end', () => {
  isOver = true;
  process.stdout.write(
    `${JSON.stringify({ ...counts, longestPauseMs: bytesGap.longest(), longestWaitMs: opensGap.longest() })}\n`,
    () => process.exit(),
  );
});
download();
openAgain();
process.stdout.write('ready\n');

function download() {
  counts.downloads++;
  let isBroken = false;
  const socket = request(DOWNLOAD_BYTES);
  socket.on('data', () => bytesGap.mark());
  socket.on('close', () => {
    if (isOver || isBroken) return;
    isBroken = true;
    counts.breaks++;
    setTimeout(download, PAUSE_MS);
  });
}

function openAgain() {
  const socket = request(1);
  let got = '';
  socket.setTimeout(LIMIT_MS, () => socket.destroy());
  socket.on('data', (bytes) => {
    got += bytes.toString('latin1');
  });
  socket.on('close', () => {
    if (isOver) return;
    if (/ 200 OK\r\n.*\r\n\r\n.$/s.test(got)) {
      counts.answers++;
      opensGap.mark();
    } else counts.refusals++;
    setTimeout(openAgain, PAUSE_MS);
  });
}

/** By SOCKS5 without waiting for its answers. */
function request(bytes) {
  const socket = connect(Number(proxyPort), '127.0.0.1');
  const target = [5, 1, 0, 1, ...address.split('.').map(Number), Number(port) >> 8, Number(port) & 255];
  socket.write(Buffer.from([5, 1, 0, ...target]));
  socket.write(`GET /bytes/${bytes} HTTP/1.1\r\nhost: ${address}\r\nconnection: close\r\n\r\n`);
  return socket.on('error', () => {});
}

function gapMeter() {
  let lastMs = performance.now();
  let longestMs = 0;
  const mark = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  return {
    mark,
    /** What has not ended counts, too. */
    longest: () => {
      mark();
      return Math.round(longestMs);
    },
  };
}
