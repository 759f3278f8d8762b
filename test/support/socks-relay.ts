import { once } from 'node:events';
import { type AddressInfo, connect, createServer, isIP, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface SocksRelay {
  readonly port: number;
  /** `host:port` of each CONNECT that was asked for. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * A small real SOCKS5 relay (RFC 1928 CONNECT, RFC 1929) on loopback, to stand in for an upstream proxy. It knows `names`, and no
 * others. Bytes take `delayMs` longer in each direction.
 */
export async function startSocksRelay(
  login?: { user: string; password: string },
  names: Readonly<Record<string, string>> = { localhost: '127.0.0.1' },
  delayMs = 0,
): Promise<SocksRelay> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket).catch(() => socket.destroy());
  });

  async function serve(socket: Socket): Promise<void> {
    const read = reader(socket);
    const [, methodCount] = await read(2);
    const methods = await read(methodCount!);
    const method = login ? 2 : 0;
    if (!methods.includes(method)) {
      socket.end(Buffer.of(5, 0xff));
      return;
    }
    socket.write(Buffer.of(5, method));
    if (login) {
      const [, userLength] = await read(2);
      const user = (await read(userLength!)).toString();
      const password = (await read((await read(1))[0]!)).toString();
      const welcome = user === login.user && password === login.password;
      socket.write(Buffer.of(1, welcome ? 0 : 1));
      if (!welcome) return void socket.end();
    }
    const [, , , type] = await read(4);
    const host =
      type === 1
        ? [...(await read(4))].join('.')
        : type === 3
          ? (await read((await read(1))[0]!)).toString()
          : (await read(16)).toString('hex').replace(/(....)(?!$)/g, '$1:');
    const port = (await read(2)).readUInt16BE();
    requests.push(`${host}:${port}`);
    const address = names[host] ?? host;
    if (isIP(address) === 0) return void socket.end(Buffer.of(5, 4, 0, 1, 0, 0, 0, 0, 0, 0));
    const origin = connect({ host: address, port, allowHalfOpen: true });
    sockets.add(origin);
    origin.on('error', () => socket.end(Buffer.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)));
    await once(origin, 'connect');
    socket.write(Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    if (delayMs === 0) socket.pipe(origin).pipe(socket);
    else socket.pipe(later(delayMs)).pipe(origin).pipe(later(delayMs)).pipe(socket);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Lets bytes through after a while, as many as come meanwhile. */
function later(delayMs: number): Transform {
  return new Transform({
    transform(bytes, _encoding, done) {
      setTimeout(() => this.destroyed || this.push(bytes), delayMs);
      done();
    },
    flush(done) {
      setTimeout(done, delayMs);
    },
  });
}

/** Answers with exactly so many bytes, when they are there. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    if (length === 0) return Buffer.alloc(0);
    for (;;) {
      const bytes = socket.read(length) as Buffer | null;
      if (bytes !== null && bytes.length === length) return bytes;
      if (socket.readableEnded || socket.destroyed) throw new Error('closed');
      await once(socket, 'readable');
    }
  };
}
