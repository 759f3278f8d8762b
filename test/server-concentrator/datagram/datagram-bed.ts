import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { type EgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import type { Associations, FlowCommands } from '../../../server-concentrator/datagram/associations.ts';
import {
  OriginDatagrams,
  type OriginDatagramsOptions,
} from '../../../server-concentrator/datagram/origin-datagrams.ts';
import { createEgressPolicy } from '../../../server-concentrator/egress/egress-policy.ts';
import { DescriptorShares } from '../../../server-concentrator/limits/descriptor-shares.ts';
import type { LimitName } from '../../../server-concentrator/limits/limit-hits.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../../shared/protocol/errors.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Nat64Discovery } from '../../../shared/runtime/dns/nat64-discovery.ts';
import type { OriginResolver } from '../../../shared/runtime/dns/resolver.ts';
import { Translators } from '../../../shared/runtime/dns/translators.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import { NO_ALLOWANCES } from '../../support/no-allowances.ts';

/** Without a port: the addresses of this machine that tests send to. */
const LOOPBACK = ['127.0.0.0/8', '[::1]'];

export function policyOf({ allow = LOOPBACK, deny = [] }: { allow?: string[]; deny?: string[] } = {}) {
  const rules = (lines: string[]) => lines.map((line) => parseEgressRule(line) as EgressRule);
  return createEgressPolicy({
    allow: rules(allow),
    deny: rules(deny),
    ownAddresses: [],
    listenPorts: [8443],
  });
}

/** Names that are known, and how long a lookup takes: until `answer` is called, where it is held. */
export class FakeResolver implements OriginResolver {
  readonly asked: string[] = [];
  readonly #names: Readonly<Record<string, readonly string[]>>;
  #held: (() => void)[] | undefined;

  constructor(names: Readonly<Record<string, readonly string[]>>) {
    this.#names = names;
  }

  /** From now on nothing is answered before the returned function is called. */
  hold(): () => void {
    this.#held = [];
    return () => {
      for (const answer of this.#held ?? []) answer();
      this.#held = undefined;
    };
  }

  async resolve(name: string): Promise<readonly string[]> {
    this.asked.push(name);
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held!.push(resolve));
    const addresses = this.#names[name];
    if (addresses === undefined) throw new StreamError('nameNotFound', `${name} could not be resolved`);
    return addresses;
  }
}

interface BedOptions {
  readonly allow?: string[];
  readonly deny?: string[];
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly flowsPerClient?: number;
  readonly associationsPerClient?: number;
  readonly associations?: number;
  readonly descriptors?: number;
  readonly opensPerSecond?: number;
  readonly ownAddresses?: readonly string[];
  readonly hasDescriptor?: () => boolean;
  readonly rulesOf?: OriginDatagramsOptions['rulesOf'];
  readonly refuse?: OriginDatagramsOptions['allowances']['refuse'];
}

/** Clients that may carry what they want. */
const ONE_MINUTE_MS = 60_000;
/** As `OriginDatagrams` has them for a minute's bed. */
export const IDLE_TIMEOUT_MS = 5 * ONE_MINUTE_MS;

/** The concentrator's associations without a session: what it tells a session is noted. */
export function bedOf(options: BedOptions = {}) {
  let nowMs = 0;
  const clock = () => nowMs;
  const limitHits: LimitName[] = [];
  const resolver = new FakeResolver(options.names ?? {});
  const { ownAddresses = ['198.51.100.1'] } = options;
  const { native } = loadNative();
  const shares = new DescriptorShares(options.descriptors ?? 64);
  const datagrams = new OriginDatagrams({
    config: {
      flowsPerClient: options.flowsPerClient ?? 64,
      associationsPerClient: options.associationsPerClient ?? 16,
      associations: options.associations ?? 32,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
    },
    opensPerSecond: options.opensPerSecond ?? 1_000,
    policy: policyOf(options),
    ...(options.rulesOf === undefined ? {} : { rulesOf: options.rulesOf }),
    allowances: { ...NO_ALLOWANCES, ...(options.refuse === undefined ? {} : { refuse: options.refuse }) },
    resolver,
    translators: new Translators(new Nat64Discovery(async () => [], clock), () => ownAddresses, clock),
    shares,
    hasDescriptor: options.hasDescriptor ?? (() => true),
    sockets: new UdpSockets(native),
    clock,
    limitHits: { note: (limit) => void limitHits.push(limit) },
  });
  return {
    datagrams,
    resolver,
    shares,
    limitHits,
    advance: (ms: number) => {
      nowMs += ms;
    },
    drops: () => Object.fromEntries([...datagrams.counts.drops.entries()].filter(([, count]) => count > 0)),
    session: (clientId = 'laptop') => new FakeSession(datagrams, clientId),
  };
}

/** What would be a session with a datagram plane. */
export class FakeSession {
  readonly associations: Associations;
  readonly memory = new MemoryBudget(64 * 1024 * 1024);
  /** As text, by flow. */
  readonly received: { readonly flowId: number; readonly text: string }[] = [];
  readonly ended: { readonly flowId: number; readonly error: ErrorName }[] = [];
  readonly begun: {
    readonly id: number;
    readonly associationId: number;
    readonly destination: Destination;
  }[] = [];
  /** Flows that the concentrator may begin. */
  maxBegun = 1_000;
  #nextFlow = 0;

  constructor(datagrams: OriginDatagrams, clientId: string) {
    const plane: FlowCommands = {
      openFlow: (associationId, destination) => {
        if (this.begun.length >= this.maxBegun) throw new StreamError('resourceExceeded', 'too many flows');
        const id = 2 ** 31 + this.begun.length;
        this.begun.push({ id, associationId, destination });
        return id;
      },
      endFlow: (flowId, error) => void this.ended.push({ flowId, error }),
      send: (flowId, payload) => void this.received.push({ flowId, text: Buffer.from(payload).toString() }),
    };
    const logger = pino({ level: 'silent' });
    this.associations = datagrams.begin({
      ...{ clientId, logger, memory: this.memory },
      input: (work) => work(plane),
    });
    onTestFinished(() => datagrams.end(this.associations));
  }

  /** The client begins a flow, and sends so many datagrams in it. */
  flow(destination: Destination, texts: readonly string[] = [], associationId = 0): number {
    const flowId = this.#nextFlow++;
    this.associations.handle({
      type: 'flow-opened',
      flow: { flowId, associationId, destination, mode: 'lowest-latency' },
    });
    for (const text of texts) this.send(flowId, text);
    return flowId;
  }

  send(flowId: number, text: string): void {
    this.associations.handle({ type: 'datagram', flowId, payload: Buffer.from(text) });
  }

  endFlow(flowId: number): void {
    this.associations.handle({ type: 'flow-ended', flowId, error: 'cancelled' });
  }

  endAssociation(associationId: number): void {
    this.associations.handle({ type: 'association-ended', associationId, error: 'cancelled' });
  }
}

/** An origin that notes what comes, and from which ports. */
export class Origin {
  readonly received: { readonly text: string; readonly port: number }[] = [];
  readonly #socket: Socket;
  readonly #host: string;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on('message', (payload, { port }) => void this.received.push({ text: payload.toString(), port }));
  }

  static async at(host = '127.0.0.1', port = 0): Promise<Origin> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.bind({ address: host, port, exclusive: true });
    await once(socket, 'listening');
    const origin = new Origin(socket, host);
    onTestFinished(() => origin.close());
    return origin;
  }

  get destination(): Destination {
    return { host: this.#host, port: this.#socket.address().port };
  }

  /** Where the concentrator sends from, as the last datagram had it. */
  get peerPort(): number {
    return this.received.at(-1)!.port;
  }

  get texts(): string[] {
    return this.received.map(({ text }) => text);
  }

  /** To the concentrator's port, from this one. */
  say(text: string, port = this.peerPort): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(text, port, this.#host === '::1' ? '::1' : '127.0.0.1', (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // The test has closed it.
    }
  }
}
