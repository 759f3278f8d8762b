import { isDeepStrictEqual } from 'node:util';

/** The interfaces of this machine with their addresses, as `os.networkInterfaces` gives them. */
export type ReadInterfaces = () => unknown;

/** Fast enough to redial within a second of an address's return; a look costs well under a millisecond. */
const LOOK_EVERY_MS = 500;

/** Notices that an interface or address has come or gone. */
export class NetworkWatch {
  readonly #timer: NodeJS.Timeout;

  constructor(read: ReadInterfaces, onChange: () => void) {
    let last = attempt(read);
    this.#timer = setInterval(() => {
      const now = attempt(read);
      if (now === undefined || isDeepStrictEqual(now, last)) return;
      last = now;
      onChange();
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Undefined where the kernel does not tell, as when the process has no descriptor left: the next look may. */
function attempt(read: ReadInterfaces): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}
