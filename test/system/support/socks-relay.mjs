// A SOCKS5 relay for IPv4 addresses, as a phone has one: node socks-relay.mjs ADDRESS PORT. Prints "ready".
import { connect, createServer } from 'node:net';

const [, , address, port] = process.argv;
const REPLY = Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0);

createServer((client) => {
  client.on('error', () => {});
  client.once('data', () => {
    client.write(Buffer.of(5, 0));
    client.once('data', (request) => {
      const host = [...request.subarray(4, 8)].join('.');
      const origin = connect({ host, port: request.readUInt16BE(8) });
      origin.on('error', () => client.destroy());
      origin.once('connect', () => {
        client.write(REPLY);
        client.pipe(origin).pipe(client);
      });
      client.once('close', () => origin.destroy());
    });
  });
}).listen(Number(port), address, () => console.log('ready'));
