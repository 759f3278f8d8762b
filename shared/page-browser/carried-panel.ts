import { Chart, type ChartProps, RANGES } from './chart.ts';
import { Choice } from './choice.ts';
import { html, useState } from './lib/htm-preact.js';
import type { Direction } from './samples.ts';

interface CarriedPanelProps extends Omit<ChartProps, 'direction' | 'minutes'> {
  readonly title: string;
  /** What stands below the chart. */
  readonly children?: unknown;
}

/** A panel with a chart of what was carried, and the choice of its direction and its length. */
export function CarriedPanel({ title, children, ...chart }: CarriedPanelProps) {
  const [direction, setDirection] = useState<Direction>('down');
  const [minutes, setMinutes] = useState<number>(RANGES[0]);
  return html`
    <section class="panel" aria-labelledby="chart-title">
      <div class="panel-head">
        <h2 id="chart-title">${title}</h2>
        <div class="choices">
          <${Choice}
            legend="Direction" name="direction" value=${direction} onChange=${setDirection}
            options=${[['down', 'Down'], ['up', 'Up']]}
          />
          <${Choice}
            legend="Time shown" name="minutes" value=${minutes} onChange=${setMinutes}
            options=${RANGES.map((range) => [range, range < 60 ? `${range} min` : `${range / 60} h`])}
          />
        </div>
      </div>
      <${Chart} ...${chart} direction=${direction} minutes=${minutes} />
      ${children}
    </section>
  `;
}
