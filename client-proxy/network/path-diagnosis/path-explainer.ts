import { isIP } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import type { ErrorName } from '../../../shared/protocol/errors.ts';
import { atMost } from '../../../shared/runtime/async/at-most.ts';
import type { CancelSignal } from '../../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import { keepRecent } from '../../../shared/runtime/keep-recent.ts';
import { PortalError } from '../../uplink/portal.ts';
import { SubflowError } from '../../uplink/subflow-error.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import { failureText, UplinkError } from '../../uplink/uplink-error.ts';
import { type Finding, type FindingCode, findingLine } from '../finding.ts';
import { familyOf } from '../network-view.ts';
import { diagnosePath } from './diagnose-path.ts';
import { type KernelSource, thisKernel } from './kernel-source.ts';
import { PathError } from './path-error.ts';
import { portBlocked } from './port-blocked.ts';

export interface PathExplainerOptions {
  /** Whether sockets can be bound to an interface here. */
  readonly bindsByInterface: boolean;
  readonly clock: MonotonicClock;
  /** Whether anything answers there, be it that it refuses; asks by one connection, over the uplink. */
  answers(uplink: Uplink, address: Destination): Promise<boolean>;
  readonly kernel?: KernelSource;
}

/** An address that could not be reached, and why. */
export interface FailedAddress {
  readonly address: Destination;
  readonly error: Error;
}

/** A failure waits no longer for its explanation, since others wait for the failure; the next one has it. */
const PATIENCE_MS = 500;
/** How long a finding about routes and settings is taken for granted. */
const KERNEL_TTL_MS = 20_000;
/** And one about ports: each costs packets, on uplinks that may be metered. */
const PORTS_TTL_MS = 300_000;
/** Pairs of an uplink and an address. */
const MAX_KNOWN = 256;

/** Finds out why addresses cannot be reached over an uplink. */
export class PathExplainer {
  readonly #options: PathExplainerOptions;
  readonly #kernelSays: Recollection<Finding | undefined>;
  readonly #portsSay: Recollection<Finding | undefined>;

  constructor(options: PathExplainerOptions) {
    this.#options = options;
    this.#kernelSays = new Recollection(options.clock, KERNEL_TTL_MS);
    this.#portsSay = new Recollection(options.clock, PORTS_TTL_MS);
  }

  /**
   * The error that says more than `error`, which none of the addresses being reached has led to; or `error` where there is no
   * more to be said. Never rejects.
   */
  async explain(
    uplink: Uplink,
    failures: readonly FailedAddress[],
    error: Error,
    signal: CancelSignal,
  ): Promise<Error> {
    // It says all by itself.
    const portal = failures.find((failure) => failure.error instanceof PortalError);
    if (portal !== undefined) return portal.error;
    const stranger = failures.find(
      (failure) => failure.error instanceof SubflowError && isStranger(failure.error),
    );
    if (stranger !== undefined) return labelled(uplink, stranger.error, 'stranger');
    // What a proxy cannot reach is not this machine's business.
    if (uplink.binding.kind === 'proxy') return error;
    // It has said so itself, and no finding says more.
    if (failures.some((failure) => codeOf(failure) === 'connectionRefused')) return error;
    if (failures.some((failure) => isForbidden(failure.error))) return labelled(uplink, error, 'prohibited');
    // Where something took the connection, the way to it is good.
    const notReached = failures.filter((failure) => !(failure.error instanceof SubflowError));
    const asked = oneOfEachFamily(notReached.filter((failure) => KERNELS.has(codeOf(failure) ?? '')));
    if (asked.length === 0) return error;
    const [finding] = await this.#findings(uplink, asked, signal);
    if (finding !== undefined) {
      const code = codeOf(asked[0]!) ?? 'networkFailure';
      return new PathError(uplink.name, code, finding.code, findingLine(finding), { cause: error });
    }
    // With nothing wrong here somebody on the way has said so.
    const isUnreachable = asked.every((failure) => codeOf(failure) === 'destinationUnreachable');
    return isUnreachable ? labelled(uplink, error, 'prohibited') : error;
  }

  /** The most certain first. */
  async #findings(
    uplink: Uplink,
    asked: readonly FailedAddress[],
    signal: CancelSignal,
  ): Promise<readonly Finding[]> {
    const looks = asked.map(async (failure) => {
      const finding = await this.#askKernel(uplink, failure.address);
      if (finding?.severity === 'fault' || codeOf(failure) !== 'timedOut') return;
      await this.#tryPorts(uplink, failure.address);
    });
    await atMost(PATIENCE_MS, Promise.all(looks), signal);
    const known = asked.map(({ address: { host } }) => {
      const key = `${uplink.name} ${host}`;
      return [this.#kernelSays.get(key), this.#portsSay.get(key)].filter((one) => one !== undefined);
    });
    // That one family is not routed there is usual, and explains nothing where the other one is.
    const isOther = (found: readonly Finding[]) => found.every(({ code }) => !UNUSED.has(code));
    const telling = known.some(isOther) ? known.filter(isOther) : known;
    const all = telling.flat();
    return [
      ...all.filter(({ severity }) => severity === 'fault'),
      ...all.filter(({ severity }) => severity !== 'fault'),
    ];
  }

  #askKernel(uplink: Uplink, { host, port }: Destination): Promise<Finding | undefined> {
    const { bindsByInterface, kernel = thisKernel } = this.#options;
    return this.#kernelSays.find(`${uplink.name} ${host}`, async () => {
      const question = { uplink, remoteAddress: host, remotePort: port, bindsByInterface };
      return (await diagnosePath(question, kernel))[0];
    });
  }

  #tryPorts(uplink: Uplink, address: Destination): Promise<Finding | undefined> {
    return this.#portsSay.find(`${uplink.name} ${address.host}`, () =>
      portBlocked(address, (other) => this.#options.answers(uplink, other)),
    );
  }
}

/** What has been found out about something, for a while; who asks meanwhile shares the answer. */
class Recollection<Value> {
  readonly #clock: MonotonicClock;
  readonly #ttlMs: number;
  readonly #values = new Map<string, { readonly atMs: number; readonly value: Value }>();
  readonly #pending = new Map<string, Promise<Value>>();

  constructor(clock: MonotonicClock, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  get(key: string): Value | undefined {
    const known = this.#values.get(key);
    return known !== undefined && this.#clock() - known.atMs < this.#ttlMs ? known.value : undefined;
  }

  async find(key: string, look: () => Promise<Value>): Promise<Value> {
    const known = this.#values.get(key);
    if (known !== undefined && this.#clock() - known.atMs < this.#ttlMs) return known.value;
    const pending = this.#pending.get(key) ?? this.#look(key, look);
    this.#pending.set(key, pending);
    return pending;
  }

  async #look(key: string, look: () => Promise<Value>): Promise<Value> {
    try {
      const value = await look();
      keepRecent(this.#values, key, { atMs: this.#clock(), value }, MAX_KNOWN);
      return value;
    } finally {
      this.#pending.delete(key);
    }
  }
}

/** Failures that the kernel of this machine may have something to say about. */
const KERNELS: ReadonlySet<string> = new Set<ErrorName>([
  'timedOut',
  'destinationUnreachable',
  'networkFailure',
]);
const UNUSED: ReadonlySet<FindingCode> = new Set(['no-route', 'no-source-address']);

function oneOfEachFamily(failures: readonly FailedAddress[]): readonly FailedAddress[] {
  const addresses = failures.filter(({ address }) => isIP(address.host) !== 0);
  return ([4, 6] as const).flatMap(
    (family) => addresses.find(({ address }) => familyOf(address.host) === family) ?? [],
  );
}

function codeOf({ error }: FailedAddress): ErrorName | undefined {
  return error instanceof UplinkError ? error.code : undefined;
}

function isStranger({ code }: SubflowError): boolean {
  return code === 'notAuthorized';
}

/** A firewall of this machine, or a route of IPv6, said no. */
function isForbidden({ cause }: Error): boolean {
  return ['EPERM', 'EACCES'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** The same error, with the finding that it is itself. */
function labelled({ name }: Uplink, error: Error, finding: FindingCode): PathError {
  const code = error instanceof UplinkError || error instanceof SubflowError ? error.code : 'networkFailure';
  return new PathError(name, code, finding, failureText(name, error), { cause: error });
}
