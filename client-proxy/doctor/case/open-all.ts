import type { Measuring, OpenedMeasurement } from '../../measurement/open-measurement.ts';

/** As many connections at once; rejects, and leaves none behind, when one of them cannot be opened. */
export async function openAll(
  count: number,
  open: () => Promise<OpenedMeasurement | undefined>,
): Promise<readonly (Measuring | undefined)[]> {
  const opened = await Promise.allSettled(Array.from({ length: count }, open));
  const connections = opened.map((one) => (one.status === 'fulfilled' ? one.value?.connection : undefined));
  const refused = opened.find((one) => one.status === 'rejected');
  if (refused === undefined) return connections;
  for (const connection of connections) connection?.close();
  throw refused.reason;
}
