import { once } from 'node:events';
import { type AddressInfo, connect, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Transfer } from './arrivals.ts';
import type { AgentLine } from './job.ts';
import { serveOrigin } from './origin.ts';
import { patternAt } from './pattern.ts';

let server: Server;
let port: number;
/** What it has told. */
let lines: AgentLine[];

beforeEach(async () => {
  lines = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(JSON.parse(String(text)));
    return true;
  });
  server = serveOrigin('127.0.0.1', 0);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.close();
  vi.restoreAllMocks();
});

async function upload(request: string, bytes: Uint8Array): Promise<Transfer> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.write(request);
  socket.end(bytes);
  return eventually(() => {
    const told = lines.find((line) => line.event === 'received');
    if (told?.event !== 'received') throw new Error('nothing yet');
    return told.transfer;
  });
}

test('an upload of all bytes is exact; one with a wrong byte is not', async () => {
  const good = await upload('put 7 -1\n', patternAt(7, 5000));
  expect(good).toMatchObject({ bytes: 5000, isExact: true });
  expect(good.error).toBeUndefined();
  lines = [];
  const bytes = Buffer.from(patternAt(7, 5000));
  bytes[4999]! ^= 1;
  expect(await upload('put 7 -1\n', bytes)).toMatchObject({ bytes: 5000, isExact: false });
});

test('an upload for a time that is ended before has failed', async () => {
  expect(await upload('put 1 60000\n', patternAt(1, 100))).toMatchObject({
    bytes: 100,
    error: 'ended early',
  });
});

test('a question is answered when all of it has come, after the end of its direction', async () => {
  const answered = async (bytes: Uint8Array) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('ask 7 5000 300\n');
    socket.end(bytes);
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    await once(socket, 'close');
    return Buffer.concat(pieces);
  };
  expect(await answered(patternAt(7, 5000))).toEqual(patternAt(7, 300));
  expect(lines.at(-1)).toMatchObject({ event: 'received', transfer: { bytes: 5000, isExact: true } });
  expect(await answered(patternAt(8, 5000))).toHaveLength(0);
  expect(lines.at(-1)).toMatchObject({ transfer: { isExact: false } });
});

test('a live stream keeps its rate', async () => {
  const socket = connect({ host: '127.0.0.1', port });
  const startMs = performance.now();
  socket.write('live 3 20000 0.8\n');
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece));
  await once(socket, 'close');
  expect(Buffer.concat(pieces)).toEqual(patternAt(3, 20_000));
  expect(performance.now() - startMs).toBeGreaterThan(180);
});
