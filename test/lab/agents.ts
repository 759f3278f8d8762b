import type { ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Namespace } from '../bed/namespace.ts';
import { eachWholeLine } from '../bed/whole-lines.ts';
import type { Transfer } from './agent/arrivals.ts';
import type { AgentLine, ClientJob, ClientResult, CrowdLine } from './agent/job.ts';
import type { TalkEnd } from './agent/talk.ts';
import type { Watched } from './agent/watch.ts';

/** An agent gets this long beyond its own limit, for its last line. */
const GRACE_MS = 5_000;
/** For its start; a machine that is busy takes its time. */
const START_MS = 30_000;

/** Compiled beside this module. */
const AGENT = join(dirname(import.meta.filename), 'agent', 'main.js');

/** A running agent, and the lines that it prints. */
class Agent {
  readonly child: ChildProcess;
  readonly #what: string;
  readonly #listeners = new Set<(line: AgentLine | undefined) => void>();
  #isOver = false;

  constructor(where: Namespace, args: readonly string[]) {
    this.#what = `agent ${args[0]}`;
    this.child = where.spawn(process.execPath, [AGENT, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin?.on('error', () => {});
    if (!this.child.stdout) throw new Error('agent without stdout');
    eachWholeLine(
      this.child.stdout,
      (line) => this.#hear(JSON.parse(line)),
      () => this.#hear(undefined),
    );
  }

  /** What `select` makes of the first line from now on for which it gives something. Rejects when none comes in time, or any more. */
  until<T>(select: (line: AgentLine) => T | undefined, limitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(hear);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${this.#what} said nothing in ${limitMs} ms`));
      }, limitMs);
      const hear = (line: AgentLine | undefined) => {
        const found = line && select(line);
        if (line && found === undefined) return;
        end();
        if (found === undefined) reject(new Error(`${this.#what} ended`));
        else resolve(found);
      };
      this.#listeners.add(hear);
      if (this.#isOver) hear(undefined);
    });
  }

  /** Calls `hear` with how each conversation ends from now on. */
  onTalked(hear: (end: TalkEnd) => void): void {
    this.#listeners.add((line) => {
      if (line?.event === 'talked') hear(line.end);
    });
  }

  #hear(line: AgentLine | undefined): void {
    if (line === undefined) this.#isOver = true;
    for (const listener of [...this.#listeners]) listener(line);
  }
}

/** The origin of a bed. */
export class Origin {
  readonly #agent: Agent;

  private constructor(agent: Agent) {
    this.#agent = agent;
  }

  static async start(where: Namespace, host: string, port: number): Promise<Origin> {
    const agent = new Agent(where, ['origin', host, String(port)]);
    await agent.until((line) => line.event === 'ready' || undefined, START_MS);
    return new Origin(agent);
  }

  /** Calls `hear` with its side of each conversation that ends from now on. */
  onTalked(hear: (end: TalkEnd) => void): void {
    this.#agent.onTalked(hear);
  }

  /** When the first byte of an upload arrives, by the monotonic clock. */
  firstByte(limitMs: number): Promise<number> {
    return this.#agent.until((line) => (line.event === 'first-byte' ? line.atMs : undefined), limitMs);
  }

  /** What has come of an upload when it is over. */
  received(limitMs: number): Promise<Transfer> {
    return this.#agent.until((line) => (line.event === 'received' ? line.transfer : undefined), limitMs);
  }
}

/** Many conversations of the client's applications, in one process. */
export class Crowd {
  readonly #agent: Agent;

  private constructor(agent: Agent) {
    this.#agent = agent;
  }

  static async start(where: Namespace): Promise<Crowd> {
    const agent = new Agent(where, ['crowd']);
    await agent.until((line) => line.event === 'ready' || undefined, START_MS);
    return new Crowd(agent);
  }

  begin(line: CrowdLine): void {
    this.#agent.child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Calls `hear` with the client's side of each conversation that ends from now on. */
  onTalked(hear: (end: TalkEnd) => void): void {
    this.#agent.onTalked(hear);
  }
}

/** A client's job under way. */
export interface RunningJob {
  /** When the first byte of its bulk download arrived, by the monotonic clock. */
  readonly firstByte: Promise<number>;
  readonly result: Promise<ClientResult>;
}

/** Lets a client agent do its job. */
export function startJob(where: Namespace, job: ClientJob): RunningJob {
  const agent = new Agent(where, ['client', JSON.stringify(job)]);
  const limitMs = job.limitMs + GRACE_MS;
  const firstByte = agent.until((line) => (line.event === 'first-byte' ? line.atMs : undefined), limitMs);
  // The result rejects, too, and somebody always waits for that.
  firstByte.catch(() => {});
  const result = agent.until((line) => (line.event === 'result' ? line.result : undefined), limitMs);
  return { firstByte, result };
}

/** Reads a program's metrics from inside a namespace until the function that it gives is called. */
export async function startWatch(where: Namespace, url: string): Promise<() => Promise<Watched>> {
  const agent = new Agent(where, ['watch', url]);
  await agent.until((line) => line.event === 'ready' || undefined, START_MS);
  return () => {
    const watched = agent.until((line) => (line.event === 'watched' ? line.watched : undefined), GRACE_MS);
    agent.child.stdin?.end();
    return watched;
  };
}
