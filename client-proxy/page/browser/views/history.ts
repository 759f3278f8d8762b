import { Chart } from '../../../../shared/page-browser/chart.ts';
import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { type Direction, Samples } from '../../../../shared/page-browser/samples.ts';
import type { DayReport } from '../../history/history-keeper.ts';
import { faultMarks, faultsOf } from '../base/changes.ts';
import { useData } from '../base/client.ts';
import { notesOf } from '../base/concentrators.ts';
import type { ShownView, View } from '../base/shown.ts';
import { ConcentratorNotes } from './concentrators.ts';
import { FaultList } from './fault-list.ts';
import { Month } from './month.ts';

/** What is kept over restarts: the last day, the last month, and all faults. */
export const HISTORY: View = { id: 'history', title: 'History', Show: History };

const DAY_MINUTES = 1_440;
/** A new minute is there once a minute. Longer than two without one, the client did not run. */
const MINUTES = { stepMs: 60_000, holeMs: 150_000, maxSamples: DAY_MINUTES };

function History({ view, changes, concentratorChanges }: ShownView) {
  const report = useData<DayReport>('history', {}, MINUTES.stepMs);
  const [samples] = useState(() => new Samples(MINUTES));
  const [direction, setDirection] = useState<Direction>('down');
  if (report === undefined) return html`<p class="notice">Asking for the last day…</p>`;
  const { minutes, days } = report;
  samples.load(minutes.times, minutes.uplinks);
  const faults = faultsOf(changes, view.uplinks);
  const notes = notesOf(concentratorChanges, view.concentrators);
  // Those that are there first, so that they have the colours of their cards.
  const present = view.uplinks.map(({ name }) => name);
  const names = [...new Set([...present, ...minutes.uplinks.map(({ name }) => name)])];
  const endMs = Math.max(samples.lastMs, view.timeMs - MINUTES.stepMs);
  return html`
    <section class="panel" aria-labelledby="day-title">
      <div class="panel-head">
        <h2 id="day-title">The last day</h2>
        <${Choice}
          legend="Direction" name="day-direction" value=${direction} onChange=${setDirection}
          options=${[['down', 'Down'], ['up', 'Up']]}
        />
      </div>
      <${Chart}
        what="each uplink" samples=${samples} names=${names} marks=${faultMarks(faults)}
        direction=${direction} minutes=${DAY_MINUTES} endMs=${endMs}
      />
      <p class="quiet">The mean of each minute. Where nothing is drawn, the client did not run.</p>
    </section>
    <${Month} days=${days} plans=${view.plans} names=${names} timeMs=${view.timeMs} />
    <section class="panel" aria-labelledby="faults-title">
      <h2 id="faults-title">Faults</h2>
      <${FaultList} faults=${faults} names=${names} />
    </section>
    ${
      notes.length > 0 &&
      html`<section class="panel" aria-labelledby="notes-title">
        <h2 id="notes-title">Concentrators</h2>
        <${ConcentratorNotes} notes=${notes} />
      </section>`
    }
  `;
}
