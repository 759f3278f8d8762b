import { Agent, type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { Exchange, type OriginAgents } from '../../../client-proxy/http/exchange.ts';
import { eventually } from '../../support/eventually.ts';

/** An origin that says this to whatever it is asked. */
class Origin extends Agent {
  readonly #answer: string;

  constructor(answer: string) {
    super();
    this.#answer = answer;
  }

  override createConnection(): Duplex {
    const stream: Duplex = new Duplex({
      read() {},
      write: (_bytes, _encoding, onWritten) => {
        stream.push(this.#answer, 'latin1');
        onWritten();
      },
    });
    return stream;
  }
}

/** A client, and what it is told; one that does not read takes a single write. */
function clientThat(reads: boolean): { socket: Duplex; told: () => string } {
  let told = '';
  const socket = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, onWritten) {
      told += bytes.toString('latin1');
      if (reads) onWritten();
    },
  });
  return { socket, told: () => told };
}

it.each([
  ['from an origin that sends few', 3, 10, true, 3],
  ['from one that sends them without end', 500, 10, true, 16],
  ['to a client that does not read', 10, 100_000, false, 1],
])('interim answers %s', async (_, sent, headBytes, reads, passedOn) => {
  const interim = `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(headBytes)}\r\n\r\n`;
  const agent = new Origin(`${interim.repeat(sent)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  const request = { method: 'GET', httpVersion: '1.1', headers: {}, rawHeaders: [], complete: true };
  const incoming = request as unknown as IncomingMessage;
  const response = new ServerResponse(incoming);
  const { socket, told } = clientThat(reads);
  response.assignSocket(socket as Socket);
  new Exchange({
    request: incoming,
    response,
    destination: { host: 'origin.test', port: 80 },
    path: '/',
    authority: 'origin.test',
    maxForwards: undefined,
    user: undefined,
    client: { remoteAddress: '127.0.0.1', remotePort: 1, localAddress: '127.0.0.1' },
    agents: { shared: agent, single: agent } as unknown as OriginAgents,
  });
  await eventually(() => expect(response.writableEnded).toBe(true));
  const waiting = socket.writableLength;
  if (reads) expect(told()).toMatch(/200 OK[\s\S]*ok$/);
  // The first one, and the answer.
  else expect(waiting).toBeLessThan(headBytes + 1_000);
  expect(told().split('103 Early Hints').length - 1).toBe(passedOn);
  socket.destroy();
});
