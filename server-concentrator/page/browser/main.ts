import { html, render } from '../../../shared/page-browser/lib/htm-preact.js';
import { LiveEvents, sayNoView } from '../../../shared/page-browser/live-events.ts';
import type { ClientHistoryReport } from '../client-history.ts';
import type { PageView } from '../page-view.ts';
import { App, type Shown } from './app.ts';
import { ClientSamples } from './client-samples.ts';
import type { Asking } from './client-table.ts';

/** Somebody who types does not want an answer for each letter. */
const TYPING_MS = 250;

const samples = new ClientSamples();
const root = document.querySelector('#app')!;
let asked: Asking['asked'] = { sort: 'down', isDescending: true, filter: '' };
let shown: Pick<Shown, 'view' | 'isLive'> = { view: undefined, isLive: false };
let typing: ReturnType<typeof setTimeout> | undefined;

const events = new LiveEvents({
  url: () => {
    const { sort, isDescending, filter } = asked;
    const order = isDescending ? 'descending' : 'ascending';
    return `/events?${new URLSearchParams({ after: `${samples.lastMs}`, sort, order, filter })}`;
  },
  hear: {
    history: (history: ClientHistoryReport) => samples.load(history),
    view: (view: PageView) => {
      samples.add(view);
      show({ view, isLive: true });
    },
  },
  pulse: 'view',
  onSilent: () => show({ isLive: false }),
});

function show(change: Partial<typeof shown>): void {
  shown = { ...shown, ...change };
  if (shown.view === undefined) {
    sayNoView(root, 'The concentrator');
    return;
  }
  // The text that was there until now.
  root.querySelector(':scope > .notice')?.remove();
  render(html`<${App} ...${shown} samples=${samples} asked=${asked} onAsk=${ask} />`, root as HTMLElement);
}

function ask(change: Partial<typeof asked>): void {
  asked = { ...asked, ...change };
  show({});
  clearTimeout(typing);
  typing = setTimeout(() => events.reopen(), change.filter === undefined ? 0 : TYPING_MS);
}
