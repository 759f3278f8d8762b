import type { Socket } from 'node:net';

/** What one end of a channel can be told or asked, by name. */
export type Calls = { readonly [name: string]: { readonly value: unknown; readonly answer: unknown } };

/** What an end does when it is told or asked. A handler that rejects makes `ask` reject. */
export type Handlers<Own extends Calls> = {
  readonly [Name in keyof Own]: (
    value: Own[Name]['value'],
    socket?: Socket,
  ) => Own[Name]['answer'] | Promise<Own[Name]['answer']>;
};

/** What carries messages between two processes of this program, in order. */
export interface MessagePort {
  /** @param done it is on its way, or the other process is gone */
  send(message: object, socket: Socket | undefined, done: (error?: Error | null) => void): void;
}

/** A process that does not answer for so long hangs, or is suspended. */
const ANSWER_MS = 5_000;

interface Message {
  readonly name: string;
  readonly value: unknown;
  /** Of a question; the answer repeats it. */
  readonly id?: number;
}

interface Answer {
  readonly answers: number;
  readonly value?: unknown;
  readonly failure?: string;
}

/**
 * Tells and asks another process of this program, which is trusted. It may be of another version, where the program was replaced while
 * it ran: what has no handler here is passed over, or answered with a failure.
 */
export class Channel<Own extends Calls, Other extends Calls> {
  readonly #port: MessagePort;
  readonly #handlers: Handlers<Own>;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #isClosed = false;

  constructor(port: MessagePort, handlers: Handlers<Own>) {
    this.#port = port;
    this.#handlers = handlers;
  }

  /** Nothing comes back, also where the other process is gone. */
  tell<Name extends keyof Other & string>(name: Name, value: Other[Name]['value']): void {
    if (!this.#isClosed) this.#port.send({ name, value } satisfies Message, undefined, () => {});
  }

  /** Rejects when the other end fails, is gone, or says nothing for some seconds. @param socket goes along */
  ask<Name extends keyof Other & string>(
    name: Name,
    value: Other[Name]['value'],
    limitMs = ANSWER_MS,
    socket?: Socket,
  ): Promise<Other[Name]['answer']> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle({ answers: id, failure: `no answer in ${limitMs} ms` }), limitMs);
      const settle = ({ value: answer, failure }: Answer) => {
        clearTimeout(timer);
        this.#asked.delete(id);
        if (failure === undefined) resolve(answer as Other[Name]['answer']);
        else reject(new Error(failure));
      };
      this.#asked.set(id, settle);
      const onSent = (error?: Error | null) => {
        if (error) settle({ answers: id, failure: error.message });
      };
      if (this.#isClosed) settle({ answers: id, failure: GONE });
      else this.#port.send({ name, value, id } satisfies Message, socket, onSent);
    });
  }

  /** A message of the other end has come. One that comes late, when that end is known to be gone, is of the past. */
  receive(message: unknown, socket: Socket | undefined): void {
    if (this.#isClosed) {
      socket?.destroy();
      return;
    }
    const { answers } = message as Partial<Answer>;
    if (answers === undefined) this.#onCall(message as Message, socket);
    else this.#asked.get(answers)?.(message as Answer);
  }

  /** The other process is gone: whoever waits for an answer learns it. */
  close(): void {
    this.#isClosed = true;
    for (const settle of [...this.#asked.values()]) settle({ answers: 0, failure: GONE });
  }

  #onCall({ name, value, id }: Message, socket: Socket | undefined): void {
    const handler = this.#handlers[name];
    if (handler === undefined) {
      socket?.destroy();
      if (id !== undefined) this.#answer({ answers: id, failure: `unknown: ${name}` });
      return;
    }
    if (id === undefined) {
      handler(value, socket);
      return;
    }
    const handle = async () => handler(value, socket);
    handle().then(
      (answer) => this.#answer({ answers: id, value: answer }),
      (error: Error) => this.#answer({ answers: id, failure: error.message }),
    );
  }

  #answer(answer: Answer): void {
    if (!this.#isClosed) this.#port.send(answer, undefined, () => {});
  }
}

const GONE = 'the other process is gone';
