import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { certificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import { parseLink } from '../../shared/runtime/identity/link.ts';
import { hashBytes } from '../end-to-end/support/byte-source.ts';
import { parseMetrics } from '../end-to-end/support/metrics-text.ts';
import { startOrigin } from '../end-to-end/support/origin.ts';
import { readAll, readBytes, socksConnect } from '../end-to-end/support/socks-client.ts';
import { helloFor, openTls, RogueClient } from '../end-to-end/support/subflow-client.ts';
import { useCleanups } from '../support/cleanups.ts';
import { succeed } from './support/command.ts';
import { OwnPair } from './support/own-pair.ts';
import { startPacedOrigin } from './support/paced-origin.ts';

describe('a change of certificate and key', () => {
  let pair: OwnPair;
  const onCleanup = useCleanups();

  it('is noticed by no running download, and ends what the old key still holds', {
    timeout: 180_000,
  }, async () => {
    pair = await OwnPair.start();
    onCleanup(() => pair.close());
    const origin = await startPacedOrigin();
    onCleanup(() => origin.close());
    const { reply, socket } = await socksConnect(pair.socks, origin);
    expect(reply).toBe(0);
    const received = hashBytes(socket);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const goesOn = async () => {
      const before = bytes;
      await expect.poll(() => bytes, { timeout: 10_000 }).toBeGreaterThan(before + 500_000);
      expect(pair.client.output).not.toContain('the session is over');
    };
    await goesOn();

    // The certificate: another beside it, both pins at the client, then the other.
    const [pin] = parseLink(pair.link).pins;
    const printed = await pair.manage('certificate', 'prepare');
    const pins = [...printed.matchAll(/sha256:[\w-]{43}/g)].map(([text]) => text);
    expect(pins[0]).toBe(pin!.text);
    const before = await readFile(pair.clientFile, 'utf8');
    await writeFile(pair.clientFile, before.replace(/pin: .*/, printed.trim()));
    await pair.reload('client');
    await pair.reload('concentrator');
    expect(await shownPin(pair)).toBe(pins[0]);
    await goesOn();
    await pair.manage('certificate', 'switch');
    expect(await shownPin(pair)).toBe(pins[0]);
    await pair.reload('concentrator');
    expect(await shownPin(pair)).toBe(pins[1]);
    await goesOn();

    // The key: another beside it, then at the client, then without the old one.
    const { clientKey: oldKey } = parseLink(pair.link);
    const stolen = await RogueClient.connect({ ...target(pair), clientKey: oldKey });
    const newLink = await pair.manage('client', 'rotate', pair.clientId);
    const { clientKey: newKey, pins: newPins } = parseLink(newLink);
    expect(newPins.map(({ text }) => text)).toEqual([pins[1]]);
    expect(await pair.manage('client', 'list')).toContain('changing its key since');
    expect(await isLetIn(pair, newKey)).toBe(false);
    await pair.reload('concentrator');
    expect([await isLetIn(pair, oldKey), await isLetIn(pair, newKey)]).toEqual([true, true]);
    await goesOn();
    const from = pair.client.lineCount;
    await succeed('client-proxy', ['join', '--update', '--config', pair.clientFile], { input: newLink });
    await pair.reload('client');
    // By which each session proves the new key.
    await pair.client.untilLine('"subflow up"', { from, count: 2 });
    await goesOn();
    await pair.manage('client', 'rotate', pair.clientId, '--finish');
    await pair.reload('concentrator');
    expect([await isLetIn(pair, oldKey), await isLetIn(pair, newKey)]).toEqual([false, true]);
    await expect.poll(() => stolen.socket.destroyed, { timeout: 5_000 }).toBe(true);
    await goesOn();

    const sent = await origin.finish();
    expect(await received).toEqual(sent);
    const again = await socksConnect(pair.socks, origin);
    expect(again.reply).toBe(0);
    expect((await readBytes(again.socket, 1_000)).length).toBe(1_000);
    again.socket.destroy();
    expect(pair.client.output).not.toContain('the session is over');
    process.stdout.write(`download through a change of certificate and key: ${sent.length} bytes, whole\n`);
  });

  it('by the client first, too early, costs it nothing until the concentrator follows', {
    timeout: 180_000,
  }, async () => {
    pair = await OwnPair.start();
    onCleanup(() => pair.close());
    const newLink = await pair.manage('client', 'rotate', pair.clientId);
    const from = pair.client.lineCount;
    await succeed('client-proxy', ['join', '--update', '--config', pair.clientFile], { input: newLink });
    await pair.reload('client');
    await expect.poll(() => failedDials(pair), { timeout: 10_000 }).toBeGreaterThan(0);
    const origin = await startOrigin((socket) => void socket.end('hello'));
    onCleanup(() => origin.close());
    const { reply, socket } = await socksConnect(pair.socks, origin);
    expect([reply, (await readAll(socket)).bytes.toString()]).toEqual([0, 'hello']);
    await pair.reload('concentrator');
    await pair.client.untilLine('"subflow up"', { from, count: 2, limitMs: 20_000 });
    await pair.manage('client', 'rotate', pair.clientId, '--finish');
    await pair.reload('concentrator');
    const after = await socksConnect(pair.socks, origin);
    expect([after.reply, (await readAll(after.socket)).bytes.toString()]).toEqual([0, 'hello']);
    expect(pair.client.output).not.toContain('the session is over');
  });
});

/** The pin of the certificate that strangers are shown now. */
async function shownPin(pair: OwnPair): Promise<string> {
  const socket = await openTls(pair);
  const certificate = socket.getPeerX509Certificate()!;
  socket.destroy();
  return certificatePin(certificate.raw).text;
}

function target(pair: OwnPair) {
  return { subflows: pair.subflows, clientId: pair.clientId, clientKey: new Uint8Array(32) };
}

/** Whether HELLO with a key is answered. */
async function isLetIn(pair: OwnPair, key: Uint8Array): Promise<boolean> {
  const socket = await openTls(pair);
  socket.write(helloFor(socket, target(pair), { key }).request);
  return new Promise((resolve) => {
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('close', () => resolve(false));
  });
}

async function failedDials(pair: OwnPair): Promise<number> {
  const text = await (await fetch(`http://${pair.host}:29101/metrics`)).text();
  return parseMetrics(text).sum('tributary_uplink_dials_total', { result: 'failed' });
}
