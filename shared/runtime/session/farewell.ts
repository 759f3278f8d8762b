import type { SubflowTransport } from '../subflow/subflow-transport.ts';

/** How long a closing session's last frame may take to leave. */
const FAREWELL_MS = 500;

/**
 * The last frame, CLOSE, is on its way, or waits behind a write that is: a moment for it, whatever the kernel does. The peer
 * closes when it has it; who closes first is answered with a reset by what still arrives, and what is unsent is lost with it.
 * @param isAnswered it was the peer that said CLOSE
 * @param takeRest what still waits for the transport
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
