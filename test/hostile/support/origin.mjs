/**
 * Origins with manners good and bad: `node origin.mjs ADDRESS...` listens at each address. The last two digits of the port choose:
 *
 * - 01 sends back what it gets;
 * - 02 reads, and never answers or closes;
 * - 03 never reads;
 * - 04 reads, and answers "late" long after its peer's end;
 * - 05 sends SOURCE_BYTES and closes;
 * - 06 reads slowly, and says `received PORT N` when its peer has ended;
 * - 07 sends without end.
 *
 * It says `ready` when it listens.
 */
import { createServer } from 'node:net';

const PORTS = [7000, 9000].flatMap((base) => [1, 2, 3, 4, 5, 6, 7].map((manner) => base + manner));
const LATE_MS = 10_000;
const SOURCE_BYTES = 3_000_000;
const SLOW_READ_BYTES = 200_000;
const SLOW_INTERVAL_MS = 500;

const MANNERS = {
  1: (socket) => socket.pipe(socket),
  2: (socket) => socket.resume(),
  3: () => {},
  4: (socket) => {
    socket.resume();
    socket.once('end', () => setTimeout(() => socket.end('late'), LATE_MS));
  },
  5: (socket) => {
    socket.resume();
    // Closes both ways once all has left.
    socket.write(Buffer.alloc(SOURCE_BYTES, 5), () => socket.destroySoon());
  },
  6: (socket, port) => {
    let bytes = 0;
    let allowed = 0;
    socket.on('data', (data) => {
      bytes += data.length;
      if (bytes >= allowed) socket.pause();
    });
    socket.pause();
    const timer = setInterval(() => {
      allowed = bytes + SLOW_READ_BYTES;
      socket.resume();
    }, SLOW_INTERVAL_MS);
    socket.once('close', () => clearInterval(timer));
    socket.once('end', () => {
      process.stdout.write(`received ${port} ${bytes}\n`);
      socket.end();
    });
  },
  7: (socket) => {
    socket.resume();
    const send = () => {
      while (socket.writable && socket.write(Buffer.alloc(65_536)));
    };
    socket.on('drain', send);
    send();
  },
};

let listening = 0;
const addresses = process.argv.slice(2);
for (const host of addresses) {
  for (const port of PORTS) {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      MANNERS[port % 100](socket, port);
    });
    server.listen({ host, port, backlog: 4096 }, () => {
      listening += 1;
      if (listening === addresses.length * PORTS.length) process.stdout.write('ready\n');
    });
  }
}
