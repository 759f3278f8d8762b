import type { DatagramEvent } from '../../shared/protocol/datagram/datagram-commands.ts';
import type { Session } from '../../shared/protocol/session/session.ts';
import type { SessionPackets } from '../../shared/runtime/datagram/session-packets.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { DatagramSession, OriginDatagrams } from './origin-datagrams.ts';
import { SessionOffer, type SessionOfferOptions } from './session-offer.ts';

export interface ClientDatagramsOptions extends Omit<SessionOfferOptions, 'traffic'> {
  readonly origins: Pick<OriginDatagrams, 'begin' | 'end'>;
}

/** The datagrams of one session, between its client and origins. */
export interface SessionDatagrams {
  readonly packets: SessionPackets;
  /** The session runs from now on. */
  begin(driver: SessionDriver): void;
  /** What the session tells of its plane. */
  onEvent(event: DatagramEvent): void;
  /** It is over. */
  close(): void;
}

/** Carries the datagrams of sessions whose clients take part. */
export class ClientDatagrams {
  readonly #options: ClientDatagramsOptions;

  constructor(options: ClientDatagramsOptions) {
    this.#options = options;
  }

  /** For a session that is about to run. @param traffic where what its packets carry is counted */
  of(session: Session, client: Omit<DatagramSession, 'input'>, traffic: TrafficTable): SessionDatagrams {
    const { origins } = this.#options;
    const offer = new SessionOffer(session, { ...this.#options, traffic });
    let associations: ReturnType<OriginDatagrams['begin']> | undefined;
    return {
      packets: offer.packets,
      begin(driver) {
        associations = origins.begin({
          ...client,
          input: (work) => driver.input(({ datagrams }) => work(datagrams)),
        });
        offer.begin(driver);
      },
      onEvent: (event) => associations?.handle(event),
      close() {
        offer.close();
        if (associations !== undefined) origins.end(associations);
      },
    };
  }
}
