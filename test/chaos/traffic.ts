import { monotonicMs } from '../lab/agent/arrivals.ts';
import type { TalkEnd } from '../lab/agent/talk.ts';
import type { Crowd, Origin } from '../lab/agents.ts';
import { SOCKS } from '../lab/bed-place.ts';
import type { Conversation } from './conversations.ts';
import type { Account } from './verdict.ts';

/** More at a time are left out: the machine would be what is tested. */
const MAX_OPEN = 250;

/** The applications' conversations, and what both sides said of each. */
export class Traffic {
  readonly accounts = new Map<number, Account>();
  /** Left out because too many were open. */
  skipped = 0;
  readonly #crowd: Crowd;
  readonly #originHost: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Both sides have told. */
  readonly #open = new Set<number>();
  #startMs = monotonicMs();

  constructor(crowd: Crowd, origins: readonly Origin[], originHost: string) {
    this.#crowd = crowd;
    this.#originHost = originHost;
    crowd.onTalked((end) => this.#hear(end));
    for (const origin of origins) origin.onTalked((end) => this.#hear(end));
  }

  /** Time zero of what begins from now on. */
  begin(): void {
    this.#startMs = monotonicMs();
  }

  get nowMs(): number {
    return this.at(monotonicMs());
  }

  /** The agents' time as ours. */
  at(atMs: number): number {
    return atMs - this.#startMs;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Begins each at its time. */
  plan(conversations: readonly Conversation[]): void {
    for (const conversation of conversations) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#start(conversation);
      }, conversation.atMs - this.nowMs);
      this.#timers.add(timer);
    }
  }

  /** Begins no more. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #start(conversation: Conversation): void {
    if (this.#open.size >= MAX_OPEN) {
      this.skipped++;
      return;
    }
    const { talk, port } = conversation;
    this.#open.add(talk.key);
    this.accounts.set(talk.key, { conversation, beganAtMs: this.nowMs, origin: [] });
    this.#crowd.begin({ talk, origin: { host: this.#originHost, port }, route: { socks: SOCKS } });
  }

  #hear(end: TalkEnd): void {
    const account = this.accounts.get(end.key);
    if (!account) return;
    if (end.side === 'client') account.client = end;
    else account.origin.push(end);
    const { client, origin } = account;
    // A request that failed may never have reached the origin.
    if (client && (origin.length > 0 || client.error !== undefined)) this.#open.delete(end.key);
  }
}
