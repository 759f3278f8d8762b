import { html, render } from '../../../shared/page-browser/lib/htm-preact.js';
import { LiveEvents, sayNoView } from '../../../shared/page-browser/live-events.ts';
import { Samples } from '../../../shared/page-browser/samples.ts';
import type { ConcentratorChange } from '../history/concentrator-changes.ts';
import type { HistoryReport } from '../history/rate-series.ts';
import type { StateChange } from '../history/state-changes.ts';
import type { PageView } from '../page-view.ts';
import { App } from './app.ts';
import { takeToken } from './base/client.ts';
import type { Shown } from './base/shown.ts';

const samples = new Samples();
const root = document.querySelector('#app')!;
let shown: Shown = { view: undefined, changes: [], concentratorChanges: [], samples, isLive: false };

function show(change: Partial<Shown>): void {
  shown = { ...shown, ...change };
  if (shown.view === undefined) {
    sayNoView(root, 'The client');
    return;
  }
  // The text that was there until now.
  root.querySelector(':scope > .notice')?.remove();
  render(html`<${App} ...${shown} />`, root as HTMLElement);
}

new LiveEvents({
  url: () => `/events?after=${samples.lastMs}`,
  hear: {
    token: takeToken,
    history: ({ times, uplinks }: HistoryReport) => samples.load(times, uplinks),
    changes: (changes: readonly StateChange[]) => show({ changes }),
    'concentrator-changes': (concentratorChanges: readonly ConcentratorChange[]) =>
      show({ concentratorChanges }),
    view: (view: PageView) => {
      samples.add(view.timeMs, view.uplinks);
      show({ view, isLive: true });
    },
  },
  pulse: 'view',
  onSilent: () => show({ isLive: false }),
});
