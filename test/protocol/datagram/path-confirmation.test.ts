import { expect, test } from 'vitest';
import {
  decodeFeedback,
  decodePath,
  encodeAnnouncement,
  encodeDatagramHead,
  encodeFeedback,
  encodePath,
  kindOf,
  MESSAGE_KIND,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { DatagramPair, messageOf } from './datagram-pair.ts';
import { HOST, Hostile } from './hostile-peer.ts';

/** Of the attacker's own, and the one that a third one's address is claimed for. */
const [OWN, CLAIMED] = [1, 2];
const ANNOUNCED = encodeAnnouncement({ associationId: 0, mode: 0, host: HOST, port: 53 });
const ROUNDS = 60;

/** Somebody with a key who claims to be at an address where packets cannot be heard, and has an origin that answers a lot. */
class Claim {
  readonly hostile = new Hostile();
  /** Bytes that came from the claimed address since it is claimed. */
  came = 0;
  #sentBefore = 0;
  #sequence = 0;

  constructor() {
    for (const path of [OWN, CLAIMED]) {
      this.hostile.packet(encodePath({ uplinkName: 'wifi' }, 160), path);
      this.hostile.run(10);
      this.say(path, { token: this.tokenOf(path) });
    }
    this.came = this.hostile.packet(this.datagram(), CLAIMED, true);
    this.#sentBefore = this.sentTo(CLAIMED);
    this.hostile.run(10);
  }

  /** What a path had to be confirmed by, in the order of time. */
  tokensOf(path: number): readonly Uint8Array[] {
    const { packets } = this.hostile.victim;
    const messages = packets.filter((packet) => packet.path === path).map(messageOf);
    return messages
      .filter((message) => kindOf(message) === MESSAGE_KIND.path)
      .flatMap((message) => decodePath(message)?.token ?? []);
  }

  tokenOf(path: number): Uint8Array | undefined {
    return this.tokensOf(path).at(-1);
  }

  /** FEEDBACK about a path. @param on the path that it comes on */
  say(path: number, { token, on = path }: { token?: Uint8Array | undefined; on?: number } = {}): number {
    const { nextCounter } = this;
    const told = { largest: nextCounter, packets: nextCounter, firstRun: nextCounter - 1 };
    return this.hostile.packet(encodeFeedback({ path, delayMs: 0, gaps: [], ...told, token }), on);
  }

  /** Of the last packet on the claimed path: it is easily guessed. */
  get nextCounter(): number {
    const own = this.hostile.victim.packets.filter(({ path }) => path === CLAIMED);
    return own.at(-1)?.counter ?? 1;
  }

  datagram(): Uint8Array {
    const head = encodeDatagramHead(0, this.#sequence++, false, ANNOUNCED);
    return Buffer.concat([head, Buffer.alloc(100)]);
  }

  /** The origin answers with a lot. @returns bytes to the claimed address beyond those that came from there */
  excess(): number {
    const { datagrams } = this.hostile.victim.session;
    for (let i = 0; i < 20; i++) datagrams.send(0, new Uint8Array(1_000));
    this.hostile.run(20);
    return this.sentTo(CLAIMED) - this.#sentBefore - this.came;
  }

  sentTo(path: number): number {
    return this.hostile.victim.packets
      .filter((packet) => packet.path === path)
      .reduce((sum, packet) => sum + messageOf(packet).length + 32, 0);
  }
}

interface Forgery {
  readonly what: string;
  /** @returns bytes that came from the claimed address */
  say(claim: Claim, round: number): number;
}

const FORGERIES: readonly Forgery[] = [
  { what: 'feedback without a token', say: (claim) => claim.say(CLAIMED) },
  { what: 'a token of zeros', say: (claim) => claim.say(CLAIMED, { token: new Uint8Array(8) }) },
  {
    what: 'guesses',
    say: (claim, round) => claim.say(CLAIMED, { token: new Uint8Array(8).fill(round) }),
  },
  {
    what: "the token of the attacker's other path",
    say: (claim) => claim.say(CLAIMED, { token: claim.tokenOf(OWN) }),
  },
  {
    what: 'the token that the path had at the address before',
    say: (claim) => claim.say(CLAIMED, { token: claim.tokensOf(CLAIMED)[0] }),
  },
  {
    what: 'the right token but for one bit',
    say: (claim) =>
      claim.say(CLAIMED, { token: claim.tokenOf(CLAIMED)!.map((byte, i) => byte ^ +(i === 7)) }),
  },
  {
    what: 'the right token on another path',
    say(claim) {
      claim.say(CLAIMED, { token: claim.tokenOf(CLAIMED), on: OWN });
      return 0;
    },
  },
  {
    what: 'the path begun anew again and again, with the same guess',
    say: (claim) =>
      claim.hostile.packet(encodePath({ uplinkName: 'wifi' }, 160), CLAIMED, true) +
      claim.say(CLAIMED, { token: new Uint8Array(8).fill(7) }),
  },
];

test.each(FORGERIES)('$what does not confirm an address that somebody claims', ({ say }) => {
  const claim = new Claim();
  for (let round = 0; round < ROUNDS; round++) {
    claim.came += say(claim, round);
    expect(claim.excess()).toBeLessThanOrEqual(0);
  }
});

test('whoever repeats the token from there is at the address', () => {
  const claim = new Claim();
  expect(claim.excess()).toBeLessThanOrEqual(0);
  claim.came += claim.say(CLAIMED, { token: claim.tokenOf(CLAIMED) });
  claim.hostile.run(20);
  // One after the other fits.
  expect(Array.from({ length: 10 }, () => claim.excess()).at(-1)).toBeGreaterThan(1_000);
});

test('the client repeats the newest token of a path that has moved twice, though an older one comes later', () => {
  const pair = new DatagramPair().begin();
  const { datagrams } = pair.client.session;
  const flow = datagrams.openFlow(datagrams.openAssociation(), { host: HOST, port: 53 });
  pair.fate = () => 'held';
  for (let move = 0; move < 2; move++) {
    datagrams.send(flow, new Uint8Array(500));
    pair.settle();
    pair.deliver(pair.client.packets.at(-1)!, pair.concentrator, true);
    pair.settle();
  }
  const told = pair.held.flatMap(({ packet, to }) => {
    const message = messageOf(packet);
    const token = to === pair.client ? decodePath(message)?.token : undefined;
    return token === undefined ? [] : [{ packet, token }];
  });
  const newest = told.at(-1)!;
  const oldest = told.find(({ token }) => !Buffer.from(token).equals(newest.token))!;
  const before = pair.client.packets.length;
  for (const { packet } of [newest, oldest]) pair.deliver(packet, pair.client);
  pair.run(50);
  const repeated = pair.client.packets
    .slice(before)
    .map(messageOf)
    .filter((message) => kindOf(message) === MESSAGE_KIND.feedback)
    .flatMap((message) => decodeFeedback(message)?.token ?? []);
  expect(repeated.map((token) => Buffer.from(token))).toEqual([Buffer.from(newest.token)]);
});
