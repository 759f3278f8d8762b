import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useEffect, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, clockText } from '../../../../shared/page-browser/words.ts';
import type { SpeedReport } from '../../../speedtest/speed-report.ts';
import type { SpeedTestsState } from '../../../speedtest/speed-tests.ts';
import { useData } from '../base/client.ts';
import type { View } from '../base/shown.ts';
import { SpeedForm } from './speed-form.ts';
import { SpeedResult } from './speed-result.ts';
import { SpeedRun } from './speed-run.ts';

/** What each uplink carries alone, and all together: starts a test, shows it while it runs, and the last results. */
export const SPEED: View = { id: 'speed', title: 'Speed test', Show: Speed };

/** While one runs, bars are to move. */
const QUICK_MS = 400;
const SLOW_MS = 1_000;

function Speed() {
  const [everyMs, setEveryMs] = useState(SLOW_MS);
  const state = useData<SpeedTestsState>('speed', {}, everyMs);
  const isRunning = (state?.running ?? null) !== null;
  useEffect(() => setEveryMs(isRunning ? QUICK_MS : SLOW_MS), [isRunning]);
  if (state === undefined) return html`<p class="notice">Asking the client for its speed tests…</p>`;
  const { running, problem, results, isPossible } = state;
  if (!isPossible) {
    return html`<p class="notice">The client runs in mode direct: there is no concentrator to measure with.</p>`;
  }
  return html`
    <section aria-labelledby="speed-title" class="panel speed">
      <h2 id="speed-title">Speed test</h2>
      ${running === null ? html`<${SpeedForm} state=${state} />` : html`<${SpeedRun} running=${running} />`}
      ${problem !== '' && html`<p class="problem" role="alert">${problem}</p>`}
    </section>
    <${Results} results=${results} />
  `;
}

function Results({ results }: { results: readonly SpeedReport[] }) {
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const [latest] = results;
  if (latest === undefined) return null;
  const shown = results.find(({ startedMs }) => startedMs === chosen) ?? latest;
  return html`
    <section aria-labelledby="result-title" class="panel speed">
      <div class="result-head">
        <h2 id="result-title">Result of ${clockText(shown.startedMs)}</h2>
        <span class="quiet">${bytesText(shown.bytes)} in ${Math.round(shown.tookMs / 1_000)} s</span>
        ${
          results.length > 1 &&
          html`<${Choice} legend="Results" name="result" value=${shown.startedMs} onChange=${setChosen}
              options=${results.map(({ startedMs }) => [startedMs, clockText(startedMs)])} />`
        }
      </div>
      <${SpeedResult} report=${shown} />
    </section>
  `;
}
