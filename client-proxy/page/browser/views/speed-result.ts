import { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import { msText, rateText } from '../../../../shared/page-browser/words.ts';
import type { Grade } from '../../../speedtest/responsiveness.ts';
import type { LoadFigures, SpeedReport, UplinkSpeed } from '../../../speedtest/speed-report.ts';
import { SpeedChart } from './speed-chart.ts';

const DIRECTIONS = ['down', 'up'] as const;
const MOODS: Readonly<Record<Grade, string>> = {
  ...{ excellent: 'good', good: 'good', fair: 'idle', poor: 'doubtful', bad: 'bad' },
};

/** A report: in words, as a picture, and in figures. */
export function SpeedResult({ report }: { report: SpeedReport }) {
  const measured = report.uplinks.filter(({ state }) => state === 'measured');
  return html`
    <ul class="advice">${report.advice.map((sentence) => html`<li>${sentence}</li>`)}</ul>
    <${SpeedChart} report=${report} />
    <div class="table" role="region" aria-label="Figures of the speed test" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">Uplink</th><th scope="col">Round trip</th>
            ${DIRECTIONS.map(
              (direction) => html`
                <th scope="col">${direction === 'down' ? 'Down' : 'Up'}</th>
                <th scope="col">${direction === 'down' ? 'Down' : 'Up'}, under load</th>
              `,
            )}
          </tr>
        </thead>
        <tbody>
          ${measured.map((uplink) => html`<${Row} name=${nameOf(uplink)} idleMs=${uplink.idleMs} of=${uplink.alone} />`)}
          <${Row} name="One transfer over all" idleMs=${report.aggregateIdleMs} of=${report.aggregate} />
        </tbody>
      </table>
    </div>
  `;
}

interface RowProps {
  readonly name: string;
  readonly idleMs: number | null;
  readonly of: UplinkSpeed['alone'];
}

function Row({ name, idleMs, of }: RowProps) {
  return html`
    <tr>
      <th scope="row">${name}</th><td>${msText(idleMs)}</td>
      ${DIRECTIONS.map((direction) => html`<${Cells} figures=${of[direction]} />`)}
    </tr>
  `;
}

function Cells({ figures }: { figures: LoadFigures | null }) {
  const { bitsPerSecond = null, loadedMs = null, rpm = null, grade = null } = figures ?? {};
  return html`
    <td class="figure">${bitsPerSecond === null ? '–' : rateText(bitsPerSecond)}</td>
    <td>
      ${msText(loadedMs)}
      ${grade !== null && html` <span class="pill ${MOODS[grade]}" title=${`${rpm} round trips a minute`}>${grade}</span>`}
    </td>
  `;
}

function nameOf({ name, isBackup, isMetered }: UplinkSpeed): string {
  const notes = [...(isBackup ? ['backup'] : []), ...(isMetered ? ['metered'] : [])];
  return notes.length === 0 ? name : `${name} (${notes.join(', ')})`;
}
