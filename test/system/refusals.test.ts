import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { describeSystem, report } from './support/system.ts';

const NOT_LISTED = "is this client's id in its list, with this key?";
/** Makes a TLS connection to argv[1], says argv[2] (base64), and prints what it got and how that ended. */
const STRANGER = `
  const socket = require('node:tls').connect(8443, process.argv[1], { rejectUnauthorized: false }, () =>
    socket.write(Buffer.from(process.argv[2], 'base64')));
  let bytes = 0;
  socket.on('data', (data) => { bytes += data.length; });
  socket.on('error', () => {});
  socket.on('close', () => console.log(JSON.stringify({ bytes, wasSecure: socket.getProtocol() !== null })));
  socket.on('secureConnect', () => console.log('secure'));`;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('those who may not connect', { paths, congestionControl: 'bbr' }, (system) => {
  const impostors = [
    { who: 'an unknown client', changes: { id: 'stranger' } },
    { who: 'a wrong key', changes: { key: randomBytes(32).toString('base64url') } },
  ];
  test.each(impostors)(
    '$who: a close without a word, and a clear line at the client',
    async ({ who, changes }) => {
      const { pair } = system();
      await pair.startConcentrator();
      await pair.withClientChanges('client', changes, async () => {
        await pair.startClient();
        const told = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
        report(`${who}, at the client: ${told.reason}`);
        expect(told.reason).toContain(NOT_LISTED);
        const refused = await pair.concentrator.untilLog(({ msg }) => msg === 'subflow refused');
        expect(refused.remote).toMatch(/^(10\.78\.[12]\.2|fd78:0:0:[12]::2)/);
        expect(await pair.concentrator.metric('tributary_handshakes_total', { result: 'hello' })).toBe(0);
        expect(await pair.concentrator.metric('tributary_sessions')).toBe(0);
        expectNoSecrets(
          JSON.stringify(pair.client.log) + JSON.stringify(pair.concentrator.log),
          await pair.secrets(),
        );
        await pair.client.stop();
      });
    },
  );

  test('a wrong pin: the client says which certificate it met, and sends nothing', async () => {
    const { pair } = system();
    await pair.startConcentrator();
    const pin = `sha256:${randomBytes(32).toString('base64url')}`;
    await pair.withClientChanges('concentrator', { pin }, async () => {
      await pair.startClient();
      const told = await pair.client.untilLog(({ msg }) => msg === 'uplink not usable');
      report(`wrong pin, at the client: ${told.reason}`);
      expect(told.reason).toMatch(/pin/);
      const refused = await pair.concentrator.untilLog(({ msg }) =>
        ['subflow refused', 'no TLS handshake'].includes(msg),
      );
      report(`wrong pin, at the concentrator: ${refused.reason}`);
      expect(await pair.concentrator.metric('tributary_handshakes_total', { result: 'hello' })).toBe(0);
      await pair.client.stop();
    });
  });

  const words = [
    { what: 'garbage', bytes: randomBytes(400) },
    { what: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n') },
  ];
  test.each(words)('$what inside TLS is answered by nothing but a close', async ({ bytes }) => {
    const { pair, network } = system();
    await pair.startConcentrator();
    const { v4 } = network.concentrator.address;
    const output = await network.client.exec(process.execPath, [
      '-e',
      STRANGER,
      v4,
      bytes.toString('base64'),
    ]);
    expect(output.split('\n')[0]).toBe('secure');
    expect(JSON.parse(output.split('\n')[1]!)).toMatchObject({ bytes: 0 });
  });
});

function expectNoSecrets(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) expect(text).not.toContain(secret);
}
