import type { PageView } from '../page-view.ts';
import type { StateChange } from '../state-changes.ts';
import { App, type Shown } from './app.ts';
import { html, render } from './lib/htm-preact.js';
import { Samples } from './samples.ts';

/** Events are a second apart. */
const SILENT_MS = 4_000;

const samples = new Samples();
const root = document.querySelector('#app')!;
let shown: Shown = { view: undefined, changes: [], samples, isLive: false };
let source: EventSource | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;

function show(change: Partial<Shown>): void {
  shown = { ...shown, ...change };
  if (shown.view === undefined) return;
  // The text that was there until now.
  root.querySelector(':scope > .notice')?.remove();
  render(html`<${App} ...${shown} />`, root as HTMLElement);
}

function onEvent<T>(name: string, hear: (data: T) => void): void {
  source?.addEventListener(name, ({ data }: MessageEvent<string>) => hear(JSON.parse(data) as T));
}

function open(): void {
  source = new EventSource(`/events?after=${samples.lastMs}`);
  onEvent('history', (history: Parameters<Samples['load']>[0]) => samples.load(history));
  onEvent('changes', (changes: readonly StateChange[]) => show({ changes }));
  onEvent('view', (view: PageView) => {
    samples.add(view);
    show({ view, isLive: true });
    clearTimeout(silence);
    silence = setTimeout(() => show({ isLive: false }), SILENT_MS);
  });
  source.addEventListener('error', () => {
    show({ isLive: false });
    // It tries again by itself unless it was refused.
    if (source?.readyState === EventSource.CLOSED) setTimeout(reopen, SILENT_MS);
  });
}

function close(): void {
  clearTimeout(silence);
  source?.close();
  source = undefined;
}

/** Who is hidden costs nothing. */
function reopen(): void {
  close();
  if (document.visibilityState === 'visible') open();
}

document.addEventListener('visibilitychange', reopen);
reopen();
