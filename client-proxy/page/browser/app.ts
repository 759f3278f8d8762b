import { html, useEffect, useRef, useState } from '../../../shared/page-browser/lib/htm-preact.js';
import type { PageView } from '../page-view.ts';
import { concentratorPill } from './base/concentrators.ts';
import { Notices } from './base/notices.ts';
import type { Shown, View } from './base/shown.ts';
import { pillOf, summaryOf } from './base/words.ts';
import { VIEWS } from './views.ts';

/** The page: its head, with the navigation, and the view that the address names. */
export function App(shown: Shown) {
  const current = useCurrentView();
  const main = useRef<HTMLElement | null>(null);
  const before = useRef(current);
  useEffect(() => {
    document.title = current === VIEWS[0] ? 'Tributary' : `${current.title} · Tributary`;
    // Who goes on by keyboard, or listens, goes on in the view.
    if (before.current !== current) main.current?.focus();
    before.current = current;
  }, [current]);
  const { view, isLive } = shown;
  if (view === undefined) return null;
  return html`
    <${Header} view=${view} isLive=${isLive} current=${current} />
    <main ref=${main} tabindex="-1" aria-label=${current.title}>
      <${current.Show} key=${current.id} ...${shown} />
    </main>
    <p class="visually-hidden" role="status">${spoken(view)}</p>
    <${Notices} />
    <footer>
      Tributary ${view.version} · <a href="/status.txt">status</a> · <a href="/metrics">metrics</a>
    </footer>
  `;
}

/** The view that the address names behind `#`, or else the first. */
function useCurrentView(): View {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return VIEWS.find(({ id }) => hash === `#${id}`) ?? VIEWS[0];
}

interface HeaderProps {
  readonly view: PageView;
  readonly isLive: boolean;
  readonly current: View;
}

function Header({ view, isLive, current }: HeaderProps) {
  const mood = !isLive ? 'bad' : view.isFallback ? 'doubtful' : view.ready ? 'good' : 'bad';
  return html`
    <header>
      <img src="/shared/page-browser/icon.svg" alt="" width="28" height="28" />
      <h1>Tributary</h1>
      <span class="pill ${mood}">${!isLive ? 'no answer' : view.ready ? 'ready' : 'not ready'}</span>
      ${VIEWS.length > 1 && html`<${Navigation} current=${current} />`}
      <p>
        ${isLive ? summaryOf(view) : 'the client does not answer; what follows is the last that it said'}
        <span class="quiet"> · ${view.connections} connection${view.connections === 1 ? '' : 's'}</span>
      </p>
    </header>
  `;
}

function Navigation({ current }: { current: View }) {
  return html`
    <nav aria-label="Views">
      ${VIEWS.map(
        (one) =>
          html`<a href=${`#${one.id}`} aria-current=${one === current ? 'page' : undefined}>${one.title}</a>`,
      )}
    </nav>
  `;
}

/** For a screen reader, which says it when it changes: states, and no rates. */
function spoken({ uplinks, concentrators, ready }: PageView): string {
  const states = [
    ...uplinks.map((uplink) => `${uplink.name} ${pillOf(uplink).text}`),
    ...concentrators.map((one) => `${one.name} ${concentratorPill(one).text}`),
  ];
  return `${ready ? 'Ready' : 'Not ready'}: ${states.join(', ')}`;
}
