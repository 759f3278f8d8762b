import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { Applicant } from '../session/applicant.ts';
import { encodePreface, readPreface } from './relay-preface.ts';
import { RelayedSubflow } from './relayed-subflow.ts';

/** Connections that have not yet said the secret. Any program of this machine may make some; workers need a moment. */
const MAX_STRANGERS = 256;

/** Takes connections that other workers relay. Rejects with the system's error. @param path a Unix socket, or an abstract one (NUL first) */
export async function listenForRelays(
  path: string,
  secret: Uint8Array,
  onSubflow: (transport: SubflowTransport, leftMs: number) => void,
): Promise<Server> {
  let strangers = 0;
  const server = createServer((socket) => {
    if (strangers >= MAX_STRANGERS) {
      socket.destroy();
      return;
    }
    strangers++;
    void readPreface(socket, secret).then((preface) => {
      strangers--;
      if (preface === undefined) return;
      onSubflow(new RelayedSubflow(socket, preface.from, preface.rest), preface.from.leftMs);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  // Failures to accept, as without descriptors: the client dials again.
  server.on('error', () => {});
  return server;
}

/**
 * Relays a connection, whose client has proven its key, to another worker, for as long as it lasts. Resolves to false where that worker takes
 * none, as while it starts.
 */
export async function relay(
  applicant: Applicant,
  to: { readonly path: string; readonly secret: Uint8Array },
  leftMs: number,
): Promise<boolean> {
  const socket = connect(to.path);
  try {
    await once(socket, 'connect');
  } catch {
    return false;
  }
  join(applicant, socket, to.secret, leftMs);
  return true;
}

function join(
  { transport, handshake, takeRest }: Applicant,
  socket: Socket,
  secret: Uint8Array,
  leftMs: number,
): void {
  const { remoteAddress, remotePort, localAddress, localPort } = transport;
  const exporter = Buffer.from(transport.exporter).toString('base64');
  const from = { remoteAddress, remotePort, localAddress, localPort, exporter, leftMs };
  socket.write(encodePreface(secret, from));
  socket.write(handshake.requestFrame);
  socket.on('error', () => {});
  socket.once('close', () => transport.destroy());
  socket.once('end', () => transport.destroy());
  socket.on('drain', () => transport.setReading(true));
  socket.on('data', (bytes) => {
    socket.pause();
    transport.write([bytes]);
  });
  transport.setHandlers({
    onBytes(chunk) {
      if (!socket.write(chunk.bytes, () => chunk.release())) transport.setReading(false);
    },
    onWritable: () => void socket.resume(),
    onClose: () => void socket.destroy(),
  });
  const rest = takeRest();
  if (rest.length > 0) socket.write(rest);
}
