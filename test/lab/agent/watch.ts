import { Agent, get } from 'node:http';
import { tell } from './job.ts';

/** Looks at a program's metrics this often: a peak shorter than this may be missed. */
const EVERY_MS = 500;
const TIMEOUT_MS = 2_000;

/** Peaks and growth of what a program's metrics tell, from the first look to the last. */
export interface Watched {
  /** Largest value seen, by name with labels. */
  peak: Record<string, number>;
  /** Last value less first, by name with labels. */
  growth: Record<string, number>;
}

/** Reads `url` again and again until stdin ends; tells {@link Watched} then. */
export async function watch(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  let first: Map<string, number> | undefined;
  let last = new Map<string, number>();
  const peak = new Map<string, number>();
  const look = async () => {
    const values = await read(url, agent).catch(() => undefined);
    if (!values) return;
    first ??= values;
    last = values;
    for (const [name, value] of values) peak.set(name, Math.max(value, peak.get(name) ?? 0));
  };
  await look();
  tell({ event: 'ready' });
  const timer = setInterval(look, EVERY_MS);
  process.stdin.resume();
  process.stdin.once('end', async () => {
    clearInterval(timer);
    await look();
    const growth = [...last].map(([name, value]) => [name, value - (first?.get(name) ?? 0)]);
    const found: Watched = { peak: Object.fromEntries(peak), growth: Object.fromEntries(growth) };
    tell({ event: 'watched', watched: found }, () => process.exit(0));
  });
}

function read(url: string, agent: Agent): Promise<Map<string, number>> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(parse(text)));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', reject);
  });
}

/** Samples of the project's own metrics in the Prometheus text format. */
function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const sample = /^(tributary_\w+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (sample) values.set(sample[1]!, Number(sample[2]));
  }
  return values;
}
