import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FrontDoorOptions } from '../../../client-proxy/front/front-door.ts';
import { deferred } from '../../support/deferred.ts';
import { eventually } from '../../support/eventually.ts';
import {
  connectRequest,
  echoes,
  fromHex,
  hex,
  NO_AUTH_GREETING,
  RawClient,
  type SocksBed,
  startEcho,
  startSocks,
} from '../socks5/socks-bed.ts';

const USERS = [{ name: 'ada', password: 'lovelace' }];
const GREETING_PASSWORD = fromHex('05 02 00 02');
const CREDENTIALS = Buffer.concat([
  fromHex('01 03'),
  Buffer.from('ada'),
  fromHex('08'),
  Buffer.from('lovelace'),
]);

let echo: Awaited<ReturnType<typeof startEcho>>;
let bed: SocksBed;

async function start(options: Partial<FrontDoorOptions> = {}): Promise<SocksBed> {
  await bed?.stop();
  bed = await startSocks(options);
  return bed;
}

beforeEach(async () => {
  echo = await startEcho();
  bed = await startSocks({});
});

afterEach(async () => {
  await bed.stop();
  await echo.stop();
});

/** Everything the server sends in answer to `bytes`, until it closes. */
async function answerTo(bytes: Uint8Array, how: 'andEnd' | 'andWait' = 'andWait'): Promise<string> {
  const client = new RawClient(bed.port);
  await client.send(bytes);
  if (how === 'andEnd') client.end();
  return hex(await client.receiveAll());
}

describe('malformed negotiations on the wire', () => {
  const failure = (reply: string) => `0500 05${reply}0001000000000000`.replace(' ', '');

  it.each([
    ['SOCKS4 BIND', '04 02 0050 7f000001 00', '005b000000000000', 'unsupportedCommand'],
    ['SOCKS4 port 0', '04 01 0000 7f000001 00', '005b000000000000', 'badDestination'],
    ['TLS', '16 03 01 02 00 01', '1503030002020a', 'badVersion'],
    ['random bytes', 'ff fe fd fc', '', 'badVersion'],
    ['no methods', '05 00', '05ff', 'noAcceptableMethod'],
    ['GSSAPI only', '05 01 01', '05ff', 'noAcceptableMethod'],
    ['request version 4', '05 01 00 04 01 00 01 7f000001 0050', '0500', 'badVersion'],
    ['an unknown command', '05 01 00 05 04 00 01 00000000 0000', failure('07'), 'unsupportedCommand'],
    ['address type 5', '05 01 00 05 01 00 05 7f000001 0050', failure('08'), 'unsupportedAddressType'],
    ['port 0', '05 01 00 05 01 00 01 7f000001 0000', failure('01'), 'badDestination'],
    ['empty name', '05 01 00 05 01 00 03 00 0050', failure('04'), 'badDestination'],
    ['illegal name', '05 01 00 05 01 00 03 03 612062 0050', failure('04'), 'badDestination'],
    ['oversized name', `05 01 00 05 01 00 03 ff ${'61'.repeat(255)} 0050`, failure('04'), 'badDestination'],
  ] as const)('%s', async (_name, input, answer, reason) => {
    expect(await answerTo(fromHex(input))).toBe(answer);
    expect(bed.server.counters.failedNegotiation[reason]).toBe(1);
    expect(await echoes(bed.port, echo.port, 'next')).toBe('next');
  });

  it.each([
    ['wrong password', '05 01 02 01 03 616461 01 61', '05020101', 'badCredentials'],
    ['unknown user', '05 01 02 01 03 657665 01 61', '05020101', 'badCredentials'],
    ['authentication version 5', '05 01 02 05 03 616461 01 61', '05020101', 'badVersion'],
    ['no credentials offered', '05 01 00', '05ff', 'noAcceptableMethod'],
    ['SOCKS4', '04 01 0050 7f000001 616461 00', '005d000000000000', 'noAcceptableMethod'],
  ] as const)('with users: %s', async (_name, input, answer, reason) => {
    await start({ users: USERS });
    expect(await answerTo(fromHex(input))).toBe(answer);
    expect(bed.server.counters.failedNegotiation[reason]).toBe(1);
    const good = new RawClient(bed.port);
    await good.send(Buffer.concat([GREETING_PASSWORD, CREDENTIALS, connectRequest(echo.port)]));
    expect(hex(await good.receive(14))).toBe('0502010005000001000000000000');
    good.destroy();
  });

  it('a truncation at any byte ends the connection with the answers so far, and the next client is served', async () => {
    await start({ users: USERS });
    const negotiation = Buffer.concat([GREETING_PASSWORD, CREDENTIALS, connectRequest(echo.port)]);
    const truncated = await Promise.all(
      Array.from({ length: negotiation.length }, (_, length) =>
        answerTo(negotiation.subarray(0, length), 'andEnd'),
      ),
    );
    const afterGreeting = GREETING_PASSWORD.length;
    const afterCredentials = afterGreeting + CREDENTIALS.length;
    expect(truncated).toEqual(
      truncated.map((_, length) =>
        length < afterGreeting ? '' : length < afterCredentials ? '0502' : '05020100',
      ),
    );
    expect(bed.server.counters.failedNegotiation.clientClosed).toBe(negotiation.length);
    expect(await answerTo(GREETING_PASSWORD.subarray(0, 1), 'andEnd')).toBe('');
  });
});

describe('guesses', () => {
  const guess = (password: string) =>
    Buffer.concat([
      GREETING_PASSWORD,
      fromHex('01 03'),
      Buffer.from('ada'),
      Uint8Array.of(password.length),
      Buffer.from(password),
      connectRequest(echo.port),
    ]);

  it('are checked one a second from one address, however many connections make them', async () => {
    await start({ users: USERS });
    const startMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => answerTo(guess(`guess${i}`))));
    const seconds = (performance.now() - startMs) / 1_000;
    const { badCredentials, tooManyLogins } = bed.server.counters.failedNegotiation;
    expect(badCredentials).toBeLessThanOrEqual(1 + Math.ceil(seconds));
    expect(badCredentials + tooManyLogins).toBe(60);
    // The others learn nothing, not even that they were wrong.
    expect(answers.filter((answer) => answer === '0502')).toHaveLength(tooManyLogins);
    expect(answers.filter((answer) => answer === '05020101')).toHaveLength(badCredentials);
  });

  it('cost a person who mistypes a second', async () => {
    await start({ users: USERS });
    expect(await answerTo(guess('lovelane'))).toBe('05020101');
    const startMs = performance.now();
    const client = new RawClient(bed.port);
    await client.send(Buffer.concat([guess('lovelace'), Buffer.from('early')]));
    expect((await client.receive(19)).subarray(14).toString()).toBe('early');
    expect(performance.now() - startMs).toBeGreaterThan(300);
    const again = new RawClient(bed.port);
    await again.send(guess('lovelace'));
    expect(hex(await again.receive(14))).toBe('0502010005000001000000000000');
    for (const one of [client, again]) one.destroy();
  });

  it('that wait end with their connections', async () => {
    await start({ users: USERS, negotiationTimeoutMs: 300 });
    expect(await answerTo(guess('one'))).toBe('05020101');
    const [gone, late] = [new RawClient(bed.port), new RawClient(bed.port)];
    await gone.send(guess('two'));
    await gone.receive(2);
    await late.send(guess('lovelace'));
    gone.destroy('reset');
    expect(hex(await late.receiveAll())).toBe('0502');
    await eventually(() => expect(bed.server.counters.active).toBe(0));
    expect(bed.server.counters.failedNegotiation.badCredentials).toBe(1);
  });
});

describe('negotiation in time', () => {
  it('takes a negotiation byte by byte', async () => {
    const client = new RawClient(bed.port);
    for (const byte of Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port), Buffer.from('slow')])) {
      await client.send(Uint8Array.of(byte));
    }
    client.end();
    expect((await client.receiveAll()).subarray(12).toString()).toBe('slow');
  });

  it.each([
    ['silent', Buffer.alloc(0)],
    ['stalled in the greeting', fromHex('05 02 00')],
    ['stalled in the request', fromHex('05 01 00 05 01 00 03 10 61')],
    ['stalled in SOCKS4', fromHex('04 01 0050 7f000001 61')],
  ])('closes a client that is %s', async (_name, bytes) => {
    await start({ negotiationTimeoutMs: 50 });
    await answerTo(bytes);
    expect(bed.server.counters.failedNegotiation.timeout).toBe(1);
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('closes a client that drips on and on, since the limit is for the whole negotiation', async () => {
    await start({ negotiationTimeoutMs: 100 });
    const client = new RawClient(bed.port);
    const drip = setInterval(() => void client.send(Uint8Array.of(1)), 10);
    await client.send(fromHex('05 ff'));
    await client.receiveAll();
    clearInterval(drip);
    expect(bed.server.counters.failedNegotiation.timeout).toBe(1);
  });

  it('sets no time limit on a request that waits for its answer', async () => {
    const { promise, resolve: answer } = deferred<() => void>();
    await start({ negotiationTimeoutMs: 30, onRequest: (request) => answer(() => request.fail('timedOut')) });
    const client = new RawClient(bed.port);
    await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
    const fail = await promise;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(client.isOver).toBe(false);
    fail();
    expect(hex(await client.receiveAll())).toBe('050005060001000000000000');
  });
});

describe('limits and shutdown', () => {
  it('turns connections away at the bound, and serves again below it', async () => {
    await start({ maxConnections: 2 });
    const held = [new RawClient(bed.port), new RawClient(bed.port)];
    for (const client of held) {
      await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
      await client.receive(12);
    }
    expect(await answerTo(Buffer.alloc(0))).toBe('');
    expect(await answerTo(Buffer.alloc(0))).toBe('');
    expect(bed.server.counters).toMatchObject({ accepted: 2, active: 2, refused: 2 });
    expect(bed.log.filter((line) => line.includes('maxConnections')).length).toBe(1);
    held[0]!.destroy();
    await eventually(() => expect(bed.server.counters.active).toBe(1));
    expect(await echoes(bed.port, echo.port, 'room again')).toBe('room again');
    held[1]!.destroy();
  });

  it('lets those without a request give way to newer ones at the bound, the oldest first', async () => {
    await start({ maxConnections: 3 });
    const used = new RawClient(bed.port);
    await used.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
    await used.receive(12);
    const silent = new RawClient(bed.port);
    await eventually(() => expect(bed.server.counters.active).toBe(2));
    // Refused, and it does not close: it takes a place as well.
    const refused = new RawClient(bed.port);
    await refused.send(fromHex('05 01 01'));
    await refused.receive(2);
    expect(await echoes(bed.port, echo.port, 'let in')).toBe('let in');
    expect(hex(await silent.receiveAll())).toBe('');
    expect(await echoes(bed.port, echo.port, 'and again')).toBe('and again');
    expect(bed.server.counters.failedNegotiation).toMatchObject({ gaveWay: 1, noAcceptableMethod: 1 });
    expect(bed.server.counters.refused).toBe(0);
    await used.send(Buffer.from('still here'));
    expect((await used.receive(22)).subarray(12).toString()).toBe('still here');
    for (const client of [used, refused]) client.destroy();
  });

  it('bounds what negotiates from one address, and serves whoever goes on', { timeout: 60_000 }, async () => {
    // Of 1024 places three quarters are for negotiations, and half of these for an address of this machine.
    await start({ maxConnections: 1024 });
    const silent = Array.from({ length: 500 }, () => new RawClient(bed.port));
    for (const client of silent) await client.send(fromHex('05'));
    await vi.waitFor(() => expect(bed.server.counters.accepted).toBe(500), { timeout: 20_000 });
    await vi.waitFor(() => expect(bed.server.counters.active).toBeLessThanOrEqual(384), { timeout: 20_000 });
    expect(bed.server.counters.failedNegotiation.gaveWay).toBe(500 - 384);
    expect(await echoes(bed.port, echo.port, 'on')).toBe('on');
    for (const client of silent) client.destroy();
  });

  it('counts a connection in use as active until it ends', async () => {
    const client = new RawClient(bed.port);
    await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
    await client.receive(12);
    expect(bed.server.counters).toMatchObject({ accepted: 1, active: 1 });
    client.end();
    await client.receiveAll();
    await eventually(() => expect(bed.server.counters.active).toBe(0));
  });

  it('drain lets connections finish and refuses new ones', async () => {
    const client = new RawClient(bed.port);
    await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
    await client.receive(12);
    let drained = false;
    const drain = bed.server.drain().then(() => {
      drained = true;
    });
    expect(await answerTo(Buffer.alloc(0))).toBe('');
    await client.send(Buffer.from('still here'));
    expect((await client.receive(22)).subarray(12).toString()).toBe('still here');
    expect(drained).toBe(false);
    client.end();
    await client.receiveAll();
    await drain;
    expect(bed.server.counters).toMatchObject({ active: 0, refused: 1 });
  });

  it('close ends connections in every state and tells whoever works on a request', async () => {
    const abandoned = vi.fn();
    const { promise: asked, resolve: onAsked } = deferred<void>();
    await start({
      onRequest: (request) => {
        request.onAbandoned(abandoned);
        onAsked();
      },
    });
    const negotiating = new RawClient(bed.port);
    await negotiating.send(NO_AUTH_GREETING);
    await negotiating.receive(2);
    const waiting = new RawClient(bed.port);
    await waiting.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(echo.port)]));
    await asked;
    await waiting.receive(2);
    await bed.server.close();
    expect(abandoned).toHaveBeenCalledTimes(1);
    expect(hex(await negotiating.receiveAll())).toBe('0500');
    expect(hex(await waiting.receiveAll())).toBe('0500');
    expect(bed.server.counters.active).toBe(0);
  });
});

it('logs what failed and for whom, never a password', async () => {
  await start({ users: USERS });
  await answerTo(fromHex('05 01 02 01 03 616461 07 73337372337421'));
  await answerTo(Buffer.concat([GREETING_PASSWORD, CREDENTIALS, fromHex('05 04 00 01')]));
  const log = bed.log.join('');
  expect(log).toMatch(
    /"client":"127\.0\.0\.1:\d+","protocol":"SOCKS5","reason":"badCredentials".*wrong user name or password/,
  );
  expect(log).toMatch(/command 4 is not supported/);
  expect(log).not.toMatch(/s3sr3t!|lovelace/);
});
