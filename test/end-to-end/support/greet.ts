import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { SUBFLOW_TLS_OPTIONS, subflowExporter } from '../../../shared/runtime/subflow/subflow-tls.ts';
import type { Pair } from './pair.ts';

/** A client that says HELLO or JOIN, as an older one does: without the name, where none is told. */
export async function greet(
  pair: Pick<Pair, 'subflows' | 'identityOf'>,
  id: string,
  localAddress: string,
  join?: { readonly token: Uint8Array; readonly subflowId: number },
  servername?: string,
  through = connect({ ...pair.subflows, localAddress }),
) {
  through.on('error', () => {});
  const socket = connectTls({
    ...SUBFLOW_TLS_OPTIONS,
    socket: through,
    ALPNProtocols: ['tributary/1'],
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  const handshake = new ClientHandshake({
    crypto: nodeHandshakeCrypto,
    identity: pair.identityOf(id),
    exporter: subflowExporter(socket),
    uplinkName: 'test',
    backup: false,
    intent: join === undefined ? { kind: 'hello' } : { kind: 'join', ...join },
  });
  socket.write(handshake.request);
  let heard = 0;
  const result = await new Promise<ReturnType<ClientHandshake['receive']>>((resolve, reject) => {
    let isOver = false;
    socket.once('close', () => reject(new Error('closed before an answer')));
    socket.on('data', (bytes: Buffer) => {
      if (isOver) {
        heard += bytes.length;
        return;
      }
      const answer = handshake.receive(bytes);
      if (answer === undefined) return;
      isOver = true;
      heard += answer.rest.length;
      resolve(answer);
    });
  });
  return { socket, welcome: result!.welcome!, heard: () => heard };
}
