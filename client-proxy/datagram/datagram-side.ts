import type { DatagramCommands, DatagramEvent } from '../../shared/protocol/datagram/datagram-commands.ts';
import type { SessionCarried } from '../../shared/runtime/session/session-carried.ts';

/** A session, as far as datagrams are concerned: its driver. */
export interface DatagramSession extends Pick<SessionCarried, 'carriedOfFlow'> {
  input<Result>(command: (session: { readonly datagrams: DatagramCommands }) => Result): Result;
}

/** Who sends and receives datagrams of applications through sessions. */
export interface DatagramSide {
  /** A session is established. @param isOffered whether the concentrator carries datagrams */
  onSession(session: DatagramSession, isOffered: boolean): void;
  /** What the session tells of datagrams. */
  onDatagramEvent(session: DatagramSession, event: DatagramEvent): void;
  /** It is over. */
  onSessionEnded(session: DatagramSession): void;
}
