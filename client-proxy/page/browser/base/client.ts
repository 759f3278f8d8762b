import { useEffect, useState } from '../../../../shared/page-browser/lib/htm-preact.js';

/** How often what a view shows is asked for anew. */
const EVERY_MS = 1_000;
/** A connection that gives no answer for so long leads nowhere any more. */
const MAX_WAIT_MS = 15_000;

let token = '';

/** The client has said what actions must bring along. */
export function takeToken(text: string): void {
  token = text;
}

/**
 * Has the client do something: `/actions/NAME`. Resolves to what it says to that; rejects with an Error whose message is for the
 * person who asked.
 */
export async function act<Answer = object>(name: string, body: object): Promise<Answer> {
  const response = await fetch(`/actions/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Tributary-Token': token },
    body: JSON.stringify(body),
  }).catch(() => undefined);
  if (response === undefined) throw new Error('the client does not answer');
  const text = await response.text();
  if (response.headers.get('content-type') !== 'application/json') throw new Error(text.trim());
  const answer = JSON.parse(text) as Answer & { readonly error?: string };
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/**
 * What the client says at `/data/NAME`, asked for each second while the view that uses it is there and seen; undefined until the
 * first answer. Between others it stays as it was.
 */
export function useData<Data>(
  name: string,
  query: Readonly<Record<string, string>> = {},
  everyMs = EVERY_MS,
): Data | undefined {
  const [data, setData] = useState<Data | undefined>(undefined);
  const url = `/data/${name}?${new URLSearchParams(query)}`;
  useEffect(() => {
    const leaving = new AbortController();
    void repeat(url, everyMs, setData, leaving.signal);
    return () => leaving.abort();
  }, [url, everyMs]);
  return data;
}

async function repeat<Data>(
  url: string,
  everyMs: number,
  take: (data: Data) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(MAX_WAIT_MS)]);
    const response = await fetch(url, { signal: limited }).catch(() => undefined);
    const data = response?.ok ? await response.json().catch(() => undefined) : undefined;
    if (data !== undefined && !signal.aborted) take(data as Data);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    await untilSeen();
  }
}

/** Who is hidden costs nothing. */
function untilSeen(): Promise<void> {
  if (document.visibilityState === 'visible') return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener('visibilitychange', () => resolve(), { once: true });
  });
}
