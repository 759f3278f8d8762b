// Sends one datagram, again every 300 ms, from one port, and prints a line of JSON with the first answer to each place: where it has
// come from and what it says. Ends with 1 where one has none in time. Arguments: SECONDS, then HOST PORT for each place.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [seconds, ...places] = process.argv.slice(2);
const waiting = new Map();
for (let i = 0; i < places.length; i += 2)
  waiting.set(`${places[i]} ${places[i + 1]}`, places.slice(i, i + 2));
const socket = createSocket(isIPv6(places[0]) ? 'udp6' : 'udp4');
const ask = () => {
  for (const [host, port] of waiting.values())
    socket.send(`hello from ${socket.address().port}`, Number(port), host);
};
socket.on('message', (message, { address, port }) => {
  if (!waiting.delete(`${address} ${port}`)) return;
  console.log(JSON.stringify({ from: `${address} ${port}`, text: message.toString() }));
  if (waiting.size === 0) process.exit(0);
});
socket.bind(0, ask);
setInterval(ask, 300);
setTimeout(() => process.exit(1), Number(seconds) * 1000);
