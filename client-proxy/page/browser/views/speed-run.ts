import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { rateText } from '../../../../shared/page-browser/words.ts';
import type { SpeedProgress, UplinkSpeed } from '../../../speedtest/speed-report.ts';
import { act } from '../base/client.ts';

type Direction = NonNullable<SpeedProgress['direction']>;

/** A test while it runs: how far it is, and what was found so far. */
export function SpeedRun({ running }: { running: SpeedProgress }) {
  const [isStopping, setStopping] = useState(false);
  const { share, bitsPerSecond, soFar = [] } = running;
  const percent = Math.round(100 * share);
  const most = Math.max(1, bitsPerSecond ?? 0, ...soFar.flatMap(({ alone }) => ratesOf(alone)));
  const stop = () => {
    setStopping(true);
    act('speedtest-stop', {}).catch(() => setStopping(false));
  };
  return html`
    <p class="step" role="status">${isStopping ? 'ending…' : stepText(running)}</p>
    <div class="run">
      <progress max="100" value=${percent} aria-label="Speed test">${percent} %</progress>
      <output class="live">${bitsPerSecond === undefined ? '' : rateText(bitsPerSecond)}</output>
      <button type="button" onClick=${stop} disabled=${isStopping}>Stop</button>
    </div>
    <ul class="bars">
      ${soFar
        .filter(({ state }) => state !== 'skipped')
        .map(
          (uplink) => html`<${Bars} key=${uplink.name} uplink=${uplink} running=${running} most=${most} />`,
        )}
    </ul>
  `;
}

interface BarsProps {
  readonly uplink: UplinkSpeed;
  readonly running: SpeedProgress;
  readonly most: number;
}

function Bars({ uplink, running, most }: BarsProps) {
  const { name, state, reason, alone } = uplink;
  if (state === 'failed') return html`<li><b>${name}</b> <span class="problem">${reason}</span></li>`;
  const isNow = (direction: Direction) =>
    running.phase === 'alone' && running.direction === direction && running.uplinks[0] === name;
  const rate = (direction: Direction) =>
    alone[direction]?.bitsPerSecond ?? (isNow(direction) ? running.bitsPerSecond : undefined);
  return html`
    <li>
      <b>${name}</b>
      ${(['down', 'up'] as const).map(
        (direction) => html`
          <span class="bar ${isNow(direction) ? 'now' : ''}">
            <span class="quiet">${direction}</span>
            <meter class=${direction} min="0" max=${most} value=${rate(direction) ?? 0}
                aria-label=${`${name} ${direction}`}></meter>
            <span class="rate">${rate(direction) === undefined ? '–' : rateText(rate(direction)!)}</span>
          </span>
        `,
      )}
    </li>
  `;
}

function ratesOf({ down, up }: UplinkSpeed['alone']): number[] {
  return [down, up].flatMap((figures) => figures?.bitsPerSecond ?? []);
}

const PHASES: Readonly<Record<SpeedProgress['phase'], (names: string) => string>> = {
  idle: (names) => `round trips of ${names}`,
  alone: (names) => `${names} alone`,
  together: (names) => `${names} at once`,
  pair: (names) => `whether ${names} share a bottleneck`,
  aggregate: (names) => `one transfer over ${names}`,
};

function stepText({ phase, direction, uplinks }: SpeedProgress): string {
  const names = uplinks.join(' and ');
  const text = uplinks.length === 0 ? 'beginning' : PHASES[phase](names);
  return direction === undefined ? text : `${direction === 'down' ? 'Download' : 'Upload'}: ${text}`;
}
