import { CarriedPanel } from '../../../shared/page-browser/carried-panel.ts';
import { colourOf } from '../../../shared/page-browser/colours.ts';
import { html } from '../../../shared/page-browser/lib/htm-preact.js';
import type { Direction } from '../../../shared/page-browser/samples.ts';
import { bytesText, percentText, rateOf } from '../../../shared/page-browser/words.ts';
import type { PageView } from '../page-view.ts';
import { type ClientSamples, REST } from './client-samples.ts';
import { type Asking, ClientTable } from './client-table.ts';
import { counted, countText } from './words.ts';

/** All that the page shows. */
export interface Shown extends Asking {
  readonly view: PageView | undefined;
  readonly samples: ClientSamples;
  /** Whether the concentrator tells of each second. */
  readonly isLive: boolean;
}

const NO_MARKS = [] as const;

export function App({ view, samples, isLive, asked, onAsk }: Shown) {
  if (view === undefined) return null;
  const names = view.top.map(({ name }) => name);
  return html`
    <${Header} view=${view} isLive=${isLive} />
    <main>
      <section class="together" aria-label="All clients together">
        <${Together} view=${view} direction="down" />
        <${Together} view=${view} direction="up" />
        <${Clients} view=${view} />
        <${Memory} view=${view} />
      </section>
      <${CarriedPanel}
        title="What the busiest clients carried" what="the busiest clients" samples=${samples}
        names=${[...names, REST]} rest=${REST} marks=${NO_MARKS} endMs=${view.timeMs}
      />
      <${ClientTable} view=${view} asked=${asked} onAsk=${onAsk} />
    </main>
    <p class="visually-hidden" role="status">${spoken(view, isLive)}</p>
    <footer>
      Tributary ${view.version} · <a href="/status.txt">status</a> · <a href="/metrics">metrics</a>
    </footer>
  `;
}

function Header({ view, isLive }: Pick<Shown, 'isLive'> & { readonly view: PageView }) {
  const mood = isLive && view.ready ? 'good' : 'bad';
  const { sessions, streams, flows } = view;
  return html`
    <header>
      <img src="/shared/page-browser/icon.svg" alt="" width="28" height="28" />
      <h1>Tributary <span class="program">concentrator</span></h1>
      <span class="pill ${mood}">${!isLive ? 'no answer' : view.ready ? 'ready' : 'shutting down'}</span>
      <p>
        ${
          isLive
            ? [counted(sessions, 'session'), counted(streams, 'connection'), counted(flows, 'UDP flow')].join(
                ' · ',
              )
            : 'the concentrator does not answer; what follows is the last that it said'
        }
      </p>
      ${
        view.listTrouble !== null &&
        html`<p class="list-trouble"><b class="doubtful">The list of clients is the last known one:</b> ${view.listTrouble}</p>`
      }
    </header>
  `;
}

const ARROWS = { down: '↓', up: '↑' } as const;

function Together({
  view: { sum, top },
  direction,
}: {
  readonly view: PageView;
  readonly direction: Direction;
}) {
  const whole = sum[direction];
  const { number, unit } = rateOf(whole);
  const first = [...top].sort((one, other) => other[direction] - one[direction])[0];
  const rest = Math.max(
    0,
    top.reduce((left, client) => left - client[direction], whole),
  );
  const share = (part: number) => ({ flexGrow: whole > 0 ? part / whole : 0 });
  return html`
    <div class="sum" data-direction=${direction}>
      <p class="label"><span aria-hidden="true">${ARROWS[direction]}</span> ${direction === 'down' ? 'Down to' : 'Up from'} all clients</p>
      <p class="figure" data-value=${whole}>${number} <small>${unit}</small></p>
      <div class="shares" aria-hidden="true">
        ${top.map((client, i) => html`<i class=${colourOf(i)} style=${share(client[direction])}></i>`)}
        <i class="rest" style=${share(rest)}></i>
      </div>
      <p class="beside">
        ${
          first === undefined || first[direction] < 500
            ? 'nothing to carry now'
            : html`most: <b>${first.name}</b>, ${percentText(first[direction], whole)}`
        }
      </p>
    </div>
  `;
}

function Clients({ view: { clients } }: { readonly view: PageView }) {
  const { connected, known, lingering, limited } = clients;
  return html`
    <div class="sum" data-sum="clients">
      <p class="label">Clients connected</p>
      <p class="figure">${countText(connected)} <small>of ${countText(known)}</small></p>
      <${Bar} part=${connected} whole=${known} label="Share of the clients that are connected" />
      <p class="beside">
        ${
          lingering + limited === 0
            ? 'all have an uplink that works'
            : [
                ...(lingering > 0 ? [html`<b class="bad">${countText(lingering)}</b> silent`] : []),
                ...(limited > 0 ? [html`<b class="doubtful">${countText(limited)}</b> at a limit`] : []),
              ].map((part, i) => html`${i > 0 && ', '}${part}`)
        }
      </p>
    </div>
  `;
}

function Memory({ view: { memory } }: { readonly view: PageView }) {
  const { usedBytes, limitBytes } = memory;
  const [number, unit] = bytesText(usedBytes).split(' ');
  return html`
    <div class="sum" data-sum="memory">
      <p class="label">Memory of streams</p>
      <p class="figure">${number} <small>${unit}</small></p>
      <${Bar} part=${usedBytes} whole=${limitBytes} isLimit=${true} label="Used of the memory for streams" />
      <p class="beside">${percentText(usedBytes, limitBytes)} of ${bytesText(limitBytes)}</p>
    </div>
  `;
}

interface BarProps {
  readonly part: number;
  readonly whole: number;
  readonly label: string;
  /** To come near the whole is bad. */
  readonly isLimit?: boolean;
}

function Bar({ part, whole, label, isLimit = false }: BarProps) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return html`<progress class=${isLimit && share >= 0.9 ? 'bad' : ''} max="1" value=${share} aria-label=${label}></progress>`;
}

/** For a screen reader, which says it when it changes: states, and no rates. */
function spoken({ ready, clients: { connected, lingering, limited } }: PageView, isLive: boolean): string {
  if (!isLive) return 'The concentrator does not answer';
  const state = ready ? 'Ready' : 'Shutting down';
  return `${state}: ${counted(connected, 'client')}, ${lingering} silent, ${limited} at a limit`;
}
