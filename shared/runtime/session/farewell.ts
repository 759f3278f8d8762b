import type { SubflowTransport } from '../subflow/subflow-transport.ts';

/** How long a closing session's last frame may take to leave. */
const FAREWELL_MS = 500;

/**
 * Gives the last frame, CLOSE, some time to leave: it may wait behind a write that is under way. The peer closes the connection
 * when it has CLOSE. If this end closed first, data that still arrives would be answered with a reset, and unsent data would be
 * lost.
 * @param isAnswered the peer sent CLOSE, so nothing has to wait
 * @param takeRest returns what still waits for the transport
 */
export function farewell(
  transport: SubflowTransport,
  isAnswered: boolean,
  takeRest: () => readonly Uint8Array[],
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => transport.destroy(), FAREWELL_MS);
    transport.setHandlers({
      onBytes: (chunk) => chunk.release(),
      onWritable: () => {
        const rest = takeRest();
        if (rest.length > 0) transport.write(rest);
      },
      onClose: () => {
        clearTimeout(timer);
        resolve();
      },
    });
    if (isAnswered) transport.destroy();
  });
}
