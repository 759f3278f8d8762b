import type { ServerResponse } from 'node:http';
import type { PageFile } from './page-files.ts';

/** Nothing of other origins, no code or style in the text of the page, and no frames of others around it. */
const POLICY = [
  "default-src 'none'",
  ...['script-src', 'style-src', 'img-src', 'connect-src'].map((kind) => `${kind} 'self'`),
  ...['base-uri', 'form-action', 'frame-ancestors'].map((kind) => `${kind} 'none'`),
].join('; ');

/** Of every answer to a page. */
export const PAGE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export async function sendFile(response: ServerResponse, { type, read }: PageFile): Promise<void> {
  try {
    const content = await read();
    response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': type }).end(content);
  } catch {
    refuse(response, 500, 'a file of the page is missing: install the program again\n');
  }
}

/** @param headers beside those of every answer */
export function sendJson(
  response: ServerResponse,
  status: number,
  content: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(content));
  const own = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  response.writeHead(status, { ...PAGE_HEADERS, ...own, ...headers }).end(body);
}

/** An answer in words; one that has begun already is cut off. */
export function refuse(response: ServerResponse, status: number, words: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...PAGE_HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(words);
}
