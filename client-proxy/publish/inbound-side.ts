import type { PublicationId, PublishOutcome } from '../../shared/protocol/session/publications.ts';
import type { Visit } from '../../shared/protocol/session/stream-commands.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';

/** Who publishes ports of the concentrator, and serves the visitors that come to them. */
export interface InboundSide {
  /** A session is established. @param isOffered whether the concentrator takes publications */
  onSession(driver: SessionDriver, isOffered: boolean): void;
  /** It is over. */
  onSessionEnded(driver: SessionDriver): void;
  /** What became of a publication. */
  onPublished(driver: SessionDriver, id: PublicationId, outcome: PublishOutcome): void;
  /** A visitor has come. The stream is to be accepted or refused. */
  onInbound(driver: SessionDriver, streamId: number, visit: Visit): void;
}
