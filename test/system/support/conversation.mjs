/**
 * Conversations through a SOCKS5 proxy, exact to the byte: `node conversation.mjs origin ADDRESS PORT`, which says `ready`, and
 * `node conversation.mjs client PROXY-PORT ADDRESS PORT`.
 *
 * A line of the client's stdin is a JSON object. `{id, up, down, halfClose}` sends so many bytes, ends its direction then if told, and
 * wants their hash and so many bytes from the origin: `ended ID ok`, or what went wrong. `{id, up: 0, down: -1}` opens one that
 * stays: `open ID ok`; `{say: id, bytes}` sends bytes there, which must come back: `said ID ok`.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const HASH_BYTES = 32;
const [role, first, second, third] = process.argv.slice(2);
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
/** The first bytes of the key stream of AES-CTR: nothing repeats. */
const sequence = (bytes) =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes));
const open = new Map();

if (role === 'origin') serve(first, Number(second));
else createInterface({ input: process.stdin }).on('line', (line) => obey(JSON.parse(line)));

function serve(address, port) {
  createServer({ allowHalfOpen: true }, (socket) => {
    let got = Buffer.alloc(0);
    let request;
    let isEnded = false;
    const answer = () => {
      if (request === undefined || request.down < 0 || got.length < request.up) return;
      if (request.halfClose && !isEnded) return;
      socket.end(Buffer.concat([sha256(got), sequence(request.down)]));
      request = undefined;
    };
    socket.on('data', (bytes) => {
      if (request?.down < 0) return socket.write(bytes);
      got = Buffer.concat([got, bytes]);
      const end = request === undefined ? got.indexOf('\n') : -1;
      if (end >= 0) {
        request = JSON.parse(got.subarray(0, end));
        got = got.subarray(end + 1);
        if (request.down < 0) socket.write('!');
      }
      answer();
    });
    socket.on('end', () => {
      isEnded = true;
      answer();
    });
    // A connection that breaks is the tests' own doing.
    socket.on('error', () => {});
  }).listen(port, address, () => say('ready'));
}

function obey({ id, say: spoken, bytes, ...talk }) {
  if (spoken === undefined) converse(id, talk);
  else speak(spoken, bytes);
}

async function converse(id, talk) {
  const isOpen = talk.down < 0;
  try {
    const connection = await proxied();
    connection.socket.write(`${JSON.stringify(talk)}\n`);
    const sent = sequence(talk.up);
    if (talk.halfClose) connection.socket.end(sent);
    else if (talk.up > 0) connection.socket.write(sent);
    if (isOpen) {
      await connection.exactly(1);
      open.set(id, connection);
      say('open', id, 'ok');
      return;
    }
    const hash = await connection.exactly(HASH_BYTES);
    const body = await connection.exactly(talk.down);
    if (!hash.equals(sha256(sent))) throw new Error('the origin received other bytes');
    if (!body.equals(sequence(talk.down))) throw new Error('other bytes than those of the origin');
    await connection.ended();
    connection.socket.end();
    say('ended', id, 'ok');
  } catch (error) {
    say(isOpen ? 'open' : 'ended', id, error.message);
  }
}

async function speak(id, bytes) {
  const sent = sequence(bytes);
  try {
    const { socket, exactly } = open.get(id);
    socket.write(sent);
    if (!(await exactly(bytes)).equals(sent)) throw new Error('other bytes came back');
    say('said', id, 'ok');
  } catch (error) {
    say('said', id, error.message);
  }
}

/** A connection to the origin through the proxy. */
async function proxied() {
  const connection = reading(connect({ host: '127.0.0.1', port: Number(first), allowHalfOpen: true }));
  connection.socket.write(Buffer.from([5, 1, 0]));
  await connection.exactly(2);
  const port = Number(third);
  const address = [1, ...second.split('.').map(Number), port >> 8, port & 255];
  connection.socket.write(Buffer.from([5, 1, 0, ...address]));
  const reply = await connection.exactly(10);
  if (reply[1] !== 0) throw new Error(`SOCKS reply ${reply[1]}`);
  return connection;
}

/** Keeps what arrives until it is asked for. */
function reading(socket) {
  let got = Buffer.alloc(0);
  let end;
  let wake = () => {};
  const over = (how) => {
    end ??= how;
    wake();
  };
  socket.on('data', (bytes) => {
    got = Buffer.concat([got, bytes]);
    wake();
  });
  socket.on('end', () => over('ended'));
  socket.on('error', ({ code }) => over(code));
  socket.on('close', () => over('closed without an end'));
  const until = async (isSo) => {
    while (!isSo()) {
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    socket,
    /** The next so many bytes. */
    async exactly(count) {
      await until(() => got.length >= count || end !== undefined);
      if (got.length < count) throw new Error(`${end} after ${got.length} of ${count} bytes`);
      const bytes = got.subarray(0, count);
      got = got.subarray(count);
      return bytes;
    },
    /** The end of the other side, and nothing before it. */
    async ended() {
      await until(() => end !== undefined);
      if (end !== 'ended') throw new Error(end);
      if (got.length > 0) throw new Error(`${got.length} bytes more than asked for`);
    },
  };
}
