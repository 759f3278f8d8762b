// Answers each datagram with who has sent it and what it said: "ADDRESS TEXT". Arguments: addresses to listen at, as HOST PORT.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const places = process.argv.slice(2);
let waiting = places.length / 2;
for (let i = 0; i < places.length; i += 2) {
  const [host, port] = places.slice(i, i + 2);
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host) });
  socket.on('message', (message, from) => socket.send(`${from.address} ${message}`, from.port, from.address));
  socket.bind(Number(port), host, () => {
    waiting--;
    if (waiting === 0) console.log('ready');
  });
}
