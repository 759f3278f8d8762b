import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';

/** An AppSocket whose other side takes nothing: what is written stays in `written`, until its `onWritten` is called. */
export class FakeAppSocket implements AppSocket {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress: string = '';
  readonly written: (readonly Uint8Array[])[] = [];
  readonly onWritten: (() => void)[] = [];

  write(pieces: readonly Uint8Array[], onWritten: () => void = () => {}): boolean {
    this.written.push(pieces);
    this.onWritten.push(onWritten);
    return false;
  }

  setHandlers(): void {}
  resume(): void {}
  pause(): void {}
  end(): void {}
  keepAlive(): void {}
  destroy(): void {}
}
