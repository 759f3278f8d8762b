import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port of 127.0.0.1 that somebody listens at. */
export interface TakenPort {
  readonly port: number;
  free(): Promise<void>;
}

export async function takenPort(): Promise<TakenPort> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async free() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** A port of 127.0.0.1 that nobody listens at. */
export async function freePort(): Promise<number> {
  const { port, free } = await takenPort();
  await free();
  return port;
}
