import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';

/** An AppSocket whose other side takes nothing: what is written stays in `written`. */
export class FakeAppSocket implements AppSocket {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress: string = '';
  readonly written: (readonly Uint8Array[])[] = [];

  write(pieces: readonly Uint8Array[]): boolean {
    this.written.push(pieces);
    return false;
  }

  setHandlers(): void {}
  resume(): void {}
  pause(): void {}
  end(): void {}
  destroy(): void {}
}
