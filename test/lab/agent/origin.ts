/**
 * The origin of all workloads. A connection begins with one line:
 *
 *   get KEY BYTES         sends the pattern from offset KEY on: so many bytes and the end, or with -1 until it is closed
 *   put KEY MS            takes the pattern, for MS after its first byte (-1: until its end), and tells what came
 *   live KEY BYTES MBPS   sends the pattern at this rate, and the end
 *   ask KEY BYTES ANSWER  takes the pattern until its end, tells what came, and if that were BYTES, sends ANSWER bytes of it
 *   echo                  sends everything back
 *   talk KEY UP DOWN ORDER READS   its side of a conversation (talk.ts), and tells how it ended
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { tell } from './job.ts';
import { writePaced } from './paced.ts';
import { isPatternAt, patternAt } from './pattern.ts';
import { TalkSide, talkOf } from './talk.ts';

const WRITE_BYTES = 128 * 1024;
/** A request line is shorter. */
const MAX_LINE_BYTES = 100;

/** Listens at `host`:`port` and says "ready". */
export function serveOrigin(host: string, port: number): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // The far side may go at any time: 'close' deals with it.
    socket.on('error', () => {});
    readRequest(socket);
  });
  server.listen({ host, port, backlog: 1024 }, () => tell({ event: 'ready' }));
  return server;
}

function readRequest(socket: Socket): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0 && head.length < MAX_LINE_BYTES) return;
    socket.off('data', onData);
    const words = head.subarray(0, end).toString('latin1').split(' ');
    const [verb, key, amount, last] = words;
    const rest = head.subarray(end + 1);
    if (verb === 'get') send(socket, Number(key), Number(amount));
    else if (verb === 'put') receive(socket, Number(key), Number(amount), rest);
    else if (verb === 'ask') hear(socket, Number(key), Number(amount), Number(last), rest);
    else if (verb === 'live') sendLive(socket, Number(key), Number(amount), Number(last));
    else if (verb === 'echo') echo(socket, rest);
    else if (verb === 'talk') talk(socket, words.slice(1), rest);
    else socket.destroy();
  };
  socket.on('data', onData);
}

function send(socket: Socket, key: number, bytes: number): void {
  let sent = 0;
  const more = () => {
    while (bytes < 0 || sent < bytes) {
      const chunk = patternAt(key + sent, bytes < 0 ? WRITE_BYTES : Math.min(WRITE_BYTES, bytes - sent));
      sent += chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.off('drain', more);
    socket.end();
  };
  socket.on('drain', more);
  socket.resume();
  more();
}

function receive(socket: Socket, key: number, ms: number, rest: Buffer): void {
  const arrivals = new Arrivals();
  let isExact = true;
  let error: string | undefined = 'reset';
  let timer: NodeJS.Timeout | undefined;
  const onData = (chunk: Buffer) => {
    if (arrivals.bytes === 0 && ms >= 0) timer = setTimeout(() => stop(undefined), ms);
    isExact &&= isPatternAt(key + arrivals.bytes, chunk);
    const isFirst = arrivals.bytes === 0;
    arrivals.add(chunk.length);
    if (isFirst) tell({ event: 'first-byte', atMs: arrivals.firstAtMs });
  };
  const stop = (reason: string | undefined) => {
    error = reason;
    socket.destroy();
  };
  if (rest.length > 0) onData(rest);
  socket.on('data', onData);
  // An upload for a given time is ended by this side: an earlier end comes from somewhere in between.
  socket.on('end', () => stop(ms >= 0 ? 'ended early' : undefined));
  socket.on('close', () => {
    clearTimeout(timer);
    tell({ event: 'received', key, transfer: { ...arrivals.end(), isExact, ...(error ? { error } : {}) } });
  });
}

function sendLive(socket: Socket, key: number, bytes: number, rateMbps: number): void {
  socket.resume();
  writePaced(socket, key, bytes, rateMbps, () => socket.end());
}

function hear(socket: Socket, key: number, bytes: number, answerBytes: number, rest: Buffer): void {
  const arrivals = new Arrivals();
  let isExact = true;
  let isHeard = false;
  const onData = (chunk: Buffer) => {
    isExact &&= isPatternAt(key + arrivals.bytes, chunk);
    arrivals.add(chunk.length);
  };
  const heard = (error?: string) => {
    if (isHeard) return;
    isHeard = true;
    const record = arrivals.end();
    isExact &&= record.bytes === bytes;
    tell({ event: 'received', key, transfer: { ...record, isExact, ...(error ? { error } : {}) } });
    if (isExact) send(socket, key, answerBytes);
    else socket.destroy();
  };
  if (rest.length > 0) onData(rest);
  socket.on('data', onData);
  socket.once('end', () => heard());
  socket.once('close', () => heard('reset'));
}

function echo(socket: Socket, rest: Buffer): void {
  if (rest.length > 0) socket.write(rest);
  socket.pipe(socket);
}

function talk(socket: Socket, words: readonly string[], rest: Buffer): void {
  let error: Error | undefined;
  const side = new TalkSide(talkOf(words), 'origin', socket, (end) => tell({ event: 'talked', end }));
  socket.on('error', (reason) => {
    error ??= reason;
  });
  socket.on('data', (bytes) => side.receive(bytes));
  socket.on('end', () => side.end());
  socket.on('close', () => side.closed(error));
  if (rest.length > 0) side.receive(rest);
  else side.send();
}
