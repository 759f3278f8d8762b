import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import { TributaryError } from '../../protocol/errors.ts';
import { isForeign, isSameText } from './page-access.ts';
import { sendJson } from './page-answers.ts';

/** What a page asks its program to do, by what it posts. Resolves to what the page is told; rejects with ActionError. */
export type PageAction = (body: unknown) => Promise<object>;

/** An action cannot be done; the message, which the page shows, says why and what to do. */
export class ActionError extends TributaryError {
  /** 400: the page has asked for something that there is not; 409: it cannot be done now. */
  readonly status: 400 | 409;

  constructor(message: string, { status = 409, ...options }: ErrorOptions & { status?: 400 | 409 } = {}) {
    super('internalError', message, 'ours', options);
    this.status = status;
  }
}

/** An action whose body has a shape. */
export function pageAction<Body>(
  schema: z.ZodType<Body>,
  run: (body: Body) => object | Promise<object>,
): PageAction {
  return async (body) => {
    const { data, error } = schema.safeParse(body);
    if (error === undefined) return run(data);
    const [issue] = error.issues;
    throw new ActionError(`${issue?.path.join('.')}: ${issue?.message}`, { status: 400 });
  };
}

export interface PageActionsOptions {
  /** By name; each is at `/actions/NAME`. */
  readonly actions: ReadonlyMap<string, PageAction>;
  /** What a page of this endpoint was given, and pages of other origins cannot read. */
  readonly token: string;
  /** Is told of an action that failed by a defect of this program. */
  readonly onDefect?: (error: unknown, action: string) => void;
}

const PREFIX = '/actions/';
/** Of a body: the longest has the conditions of a rule. */
const MAX_BODY_BYTES = 16 * 1024;
/** Actions under way at a time: a person does one after the other. */
const MAX_AT_A_TIME = 8;
/** In lower case, as Node.js has the names of headers. A header of its own is one more thing that a form cannot send. */
const TOKEN_HEADER = 'x-tributary-token';

/** Does what pages ask for, after it is clear that they are pages of this endpoint. */
export class PageActions {
  readonly #options: PageActionsOptions;
  #running = 0;

  constructor(options: PageActionsOptions) {
    this.#options = options;
  }

  isAction(path: string): boolean {
    return path.startsWith(PREFIX);
  }

  /** Answers a POST, for a path that is an action's. Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const action = this.#options.actions.get(path.slice(PREFIX.length));
    const refusal =
      action === undefined ? ([404, 'there is no such action'] as const) : this.#refusal(request);
    if (refusal !== undefined) return refuseAction(response, ...refusal);
    this.#running += 1;
    try {
      const body = await readJson(request);
      sendJson(response, 200, await action!(body));
    } catch (error) {
      if (error instanceof BodyError) refuseAction(response, error.status, error.message);
      else if (error instanceof ActionError) refuseAction(response, error.status, error.message);
      else this.#refuseDefect(response, error, path);
    } finally {
      this.#running -= 1;
    }
  }

  #refuseDefect(response: ServerResponse, error: unknown, path: string): void {
    this.#options.onDefect?.(error, path.slice(PREFIX.length));
    refuseAction(response, 500, `internal error: ${error instanceof Error ? error.message : error}`);
  }

  /** Why a request is none of a page of this endpoint, or comes too soon. */
  #refusal(request: IncomingMessage): readonly [status: number, words: string] | undefined {
    const { [TOKEN_HEADER]: token, 'content-type': type = '' } = request.headers;
    if (isForeign(request)) return [403, 'actions are for the page of this endpoint alone'];
    // Of what a form can send nothing is JSON: browsers ask before they let a page of another origin post it.
    if (!/^application\/json *(;|$)/i.test(type)) return [415, 'the body must be application/json'];
    if (typeof token !== 'string' || !isSameText(token, this.#options.token))
      return [403, 'the token is not that of this run of the program: load the page again'];
    if (this.#running >= MAX_AT_A_TIME) return [503, 'too many actions at a time: try again'];
    return undefined;
  }
}

/** Why a body cannot be used. */
class BodyError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > MAX_BODY_BYTES)
        throw new BodyError(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw error instanceof BodyError ? error : new BodyError(400, 'the body is no JSON');
  }
}

function refuseAction(response: ServerResponse, status: number, error: string): void {
  if (response.headersSent || response.destroyed) return;
  // What is left of the body is not read.
  sendJson(response, status, { error }, { Connection: 'close' });
}
