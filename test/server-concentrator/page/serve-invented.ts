import { Registry } from 'prom-client';
import { HttpEndpoint } from '../../../shared/runtime/observe/http-endpoint.ts';
import { projectFolder } from '../../structure/sources.ts';
import type { InventedConcentrator } from './many-clients.ts';

/** How often invented clients carry something. */
const CARRY_MS = 100;

/** Serves the built page of the concentrator for invented clients, whose traffic goes on until it is closed. */
export async function serveInvented(
  concentrator: InventedConcentrator,
  share?: (client: string, nowMs: number) => number,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const path = `${projectFolder()}/dist/server-concentrator/page/make-page.js`;
  const { makePage } = (await import(
    path
  )) as typeof import('../../../server-concentrator/page/make-page.ts');
  const listen = { host: '127.0.0.1', port: 0 };
  const endpoint = new HttpEndpoint({
    ...{ listen, registry: new Registry(), ready: () => ({ ok: true, reasons: [] }) },
    ...{ status: () => ({}), statusText: () => '' },
    pages: makePage({ listen }, concentrator.source),
  });
  const { port } = (await endpoint.start())!;
  let lastMs = performance.now();
  const carrying = setInterval(() => {
    const nowMs = performance.now();
    concentrator.carry(nowMs - lastMs, (client) => share?.(client, nowMs) ?? 1);
    lastMs = nowMs;
  }, CARRY_MS);
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      clearInterval(carrying);
      await endpoint.close();
    },
  };
}
