import { Counter, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { joinedMetrics } from '../../../server-concentrator/all-workers.ts';
import type { Metrics } from '../../../server-concentrator/worker/calls.ts';
import { KeptCounts } from '../../../server-concentrator/workers/kept-counts.ts';
import { registerHistogram } from '../../../shared/runtime/observe/scraped-histogram.ts';
import { registerGauge } from '../../../shared/runtime/observe/scraped-metric.ts';

/** What a worker tells that has carried so much, of one client and over one uplink. */
async function told(bytes: number, client: string): Promise<Metrics> {
  const registry = new Registry();
  new Counter({ name: 'bytes_total', help: 'x', labelNames: ['uplink'], registers: [registry] }).inc(
    { uplink: 'dsl' },
    bytes,
  );
  const ofClients = { name: 'client_bytes_total', help: 'x', labelNames: ['client'], registers: [registry] };
  const byClient = new Counter(ofClients);
  byClient.inc({ client }, bytes);
  byClient.inc({ client: 'all others' }, 1);
  registerGauge(registry, { name: 'sessions', help: 'x', labelNames: [], samples: () => [[{}, 1]] });
  registerHistogram(registry, {
    ...{ name: 'waits_seconds', help: 'x', labelNames: ['kind'], bounds: [1] },
    samples: () => [{ labels: { kind: 'a' }, counts: [bytes, 1], sum: bytes }],
  });
  return (await registry.getMetricsAsJSON()) as unknown as Metrics;
}

/** The rows that a scrape has. */
async function scrape(kept: KeptCounts, pids: number[], answers: Record<number, Metrics>) {
  const all = kept.take(
    pids,
    Object.entries(answers).map(([index, answer]) => ({ index: Number(index), answer })),
  );
  const text = await joinedMetrics([[], ...all]).metrics();
  const value = (row: string) => {
    const found = text.split('\n').find((line) => line.startsWith(`${row} `));
    return found === undefined ? undefined : Number(found.split(' ').at(-1));
  };
  return {
    bytes: value('bytes_total{uplink="dsl"}'),
    laptop: value('client_bytes_total{client="laptop"}'),
    others: value('client_bytes_total{client="all others"}'),
    sessions: value('sessions'),
    waits: value('waits_seconds_count{kind="a"}'),
    short: value('waits_seconds_bucket{kind="a",le="1"}'),
  };
}

it('has no sum fall where a worker does not answer, or has ended', async () => {
  const kept = new KeptCounts();
  const first = await scrape(kept, [1, 2], { 0: await told(100, 'laptop'), 1: await told(50, 'phone') });
  expect(first).toEqual({ bytes: 150, laptop: 100, others: 2, sessions: 2, waits: 152, short: 150 });
  // The first one does not answer: what it had counted stays, and what is now is not known.
  const second = await scrape(kept, [1, 2], { 1: await told(60, 'phone') });
  expect(second).toEqual({ bytes: 160, laptop: 100, others: 2, sessions: 1, waits: 162, short: 160 });
  // It has ended, and the next one in its place has counted nothing yet. The client is where it is now.
  const third = await scrape(kept, [3, 2], { 0: await told(0, 'van'), 1: await told(70, 'laptop') });
  expect(third).toEqual({ bytes: 170, laptop: 70, others: 3, sessions: 2, waits: 173, short: 170 });
  // That ends as well.
  await scrape(kept, [3, 2], { 0: await told(5, 'van'), 1: await told(70, 'laptop') });
  const fourth = await scrape(kept, [4, 2], { 1: await told(80, 'laptop') });
  expect(fourth).toEqual({ bytes: 185, laptop: 80, others: 3, sessions: 1, waits: 188, short: 185 });
});
