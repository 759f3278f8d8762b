import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { bytesText, dateText } from '../../../../shared/page-browser/words.ts';
import type { NamedDays } from '../../history/usage-days.ts';
import type { CapView, PlanView } from '../../page-view.ts';
import { type DayBars, dayBars } from '../base/day-bars.ts';
import { MonthChart } from './month-chart.ts';

interface MonthProps {
  readonly days: readonly NamedDays[];
  readonly plans: readonly PlanView[];
  /** Of the uplinks, in the order of their colours. */
  readonly names: readonly string[];
  readonly timeMs: number;
}

/** No plan has this name. */
const ALL = '';

/** What plans and uplinks have carried on each day of the last month; a plan by itself beside its cap. */
export function Month({ days, plans, names, timeMs }: MonthProps) {
  const [chosen, choose] = useState(ALL);
  const plan = plans.find(({ name }) => name === chosen);
  const bars = dayBars(
    days.filter(({ name }) => plan === undefined || name === plan.name),
    names,
    timeMs,
  );
  return html`
    <section class="panel" aria-labelledby="month-title">
      <div class="panel-head">
        <h2 id="month-title">The last month</h2>
        ${
          plans.length > 0 &&
          html`<${Choice}
            legend="Plan" name="plan" value=${plan === undefined ? ALL : chosen} onChange=${choose}
            options=${[[ALL, 'All'], ...plans.map(({ name }) => [name, name])]}
          />`
        }
      </div>
      <${MonthChart} bars=${bars} plan=${plan} />
      ${plan !== undefined && html`<${PlanWords} plan=${plan} timeMs=${timeMs} />`}
      <details class="as-table">
        <summary>As a table</summary>
        <${DayTable} bars=${bars} />
      </details>
    </section>
  `;
}

function PlanWords({ plan: { caps }, timeMs }: { plan: PlanView; timeMs: number }) {
  return html`<ul class="plan-words">${caps.map((cap) => html`<li><${CapWords} cap=${cap} timeMs=${timeMs} /></li>`)}</ul>`;
}

function CapWords({ cap, timeMs }: { cap: CapView; timeMs: number }) {
  const { period, usedBytes, capBytes, fromMs, untilMs } = cap;
  return html`
    <b>${bytesText(usedBytes)}</b>${capBytes === null ? '' : ` of ${bytesText(capBytes)}`}
    ${
      period === 'day'
        ? ' today'
        : ` since ${dateText(fromMs)}; at this pace ${bytesText(paceBytes(cap, timeMs))} until ${dateText(untilMs)}`
    }
  `;
}

const DAY_MS = 86_400_000;

/** What the whole period will have used if it goes on like this. In its first day nobody knows how it goes. */
function paceBytes({ usedBytes, fromMs, untilMs }: CapView, nowMs: number): number {
  return usedBytes * Math.max(1, (untilMs - fromMs) / Math.max(DAY_MS, nowMs - fromMs));
}

function DayTable({ bars: { days, tracks } }: { bars: DayBars }) {
  const rows = days.map((startMs, at) => ({
    startMs,
    amounts: tracks.map(({ bytes }) => bytes[at] ?? null),
  }));
  const told = rows.filter(({ amounts }) => amounts.some((amount) => amount !== null)).reverse();
  return html`
    <div class="wide-table" tabindex="0" role="region" aria-label="Bytes of each day">
      <table>
        <thead>
          <tr><th scope="col">Day</th>${tracks.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr>
        </thead>
        <tbody>
          ${told.map(
            ({ startMs, amounts }) => html`
              <tr>
                <th scope="row">${dateText(startMs)}</th>
                ${amounts.map((amount) => html`<td>${amount === null ? '–' : bytesText(amount)}</td>`)}
              </tr>
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}
