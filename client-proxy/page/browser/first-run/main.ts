import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html, render, useEffect, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { LiveEvents } from '../../../../shared/page-browser/live-events.ts';
import type { FirstRunView } from '../../first-run-files.ts';
import { act, takeToken } from '../base/client.ts';

/** A client that begins does so in a second or two. */
const MOST_STARTING_MS = 15_000;

const root = document.querySelector('#app')!;

function FirstRun({ view }: { view: FirstRunView }) {
  return html`
    <header>
      <img src="/shared/page-browser/icon.svg" alt="" width="28" height="28" />
      <h1>Tributary</h1>
      <span class="pill idle">first run</span>
    </header>
    <main>
      <section class="panel" aria-labelledby="link-title">
        <h2 id="link-title">Connect this machine</h2>
        <p class="quiet">
          On the server, <code>tributary-concentrator init</code> or <code>client add</code> has printed a link, and the same text
          as a QR code: a phone can read it and send you the text. It holds the key of this machine.
        </p>
        <${LinkForm} />
      </section>
      <section class="panel" aria-labelledby="found-title">
        <h2 id="found-title">Uplinks found</h2>
        <${Found} view=${view} />
      </section>
    </main>
    <footer>Tributary ${view.version}</footer>
  `;
}

type State = 'asking' | 'joining' | { readonly problem: string } | { readonly file: string };

function LinkForm() {
  const [link, setLink] = useState('');
  const [state, setState] = useState<State>('asking');
  const isDone = typeof state === 'object' && 'file' in state;
  const submit = async (event: Event) => {
    event.preventDefault();
    setState('joining');
    try {
      setState(await act<{ readonly file: string }>('join', { link }));
      setLink('');
    } catch (error) {
      setState({ problem: (error as Error).message });
    }
  };
  if (isDone) return html`<${Saved} file=${state.file} />`;
  const problem = typeof state === 'object' && 'problem' in state ? state.problem : undefined;
  return html`
    <form onSubmit=${submit}>
      <label for="link">Link</label>
      <textarea
        id="link" rows="4" required spellcheck="false" autocomplete="off" autocapitalize="off"
        placeholder="tributary://…" value=${link} aria-describedby="link-problem"
        aria-invalid=${problem !== undefined}
        onInput=${({ currentTarget }: { currentTarget: HTMLTextAreaElement }) => setLink(currentTarget.value)}
      ></textarea>
      <p id="link-problem" class="problem" role="alert">${problem}</p>
      <button type="submit" disabled=${state === 'joining'}>
        ${state === 'joining' ? 'Saving…' : 'Connect'}
      </button>
    </form>
  `;
}

/** Whether the concentrator can be reached, the page of the client says. */
function Saved({ file }: { file: string }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), MOST_STARTING_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="done" role="status">
    <b>Saved.</b> The configuration is in <code>${file}</code>.
    ${isLate ? ' The client has not begun: its log says why.' : ' Starting the client; this page goes on with it.'}
  </p>`;
}

function Found({ view: { found, problem } }: { view: FirstRunView }) {
  if (problem !== null) return html`<p class="quiet">None could be looked for: ${problem}.</p>`;
  if (found.length === 0)
    return html`<p class="quiet">None yet. What is connected is used as soon as it appears.</p>`;
  return html`
    <ul class="found">
      ${found.map((one, i) => html`<li><i class="dot ${colourOf(i)}" aria-hidden="true"></i> ${one}</li>`)}
    </ul>
    <p class="quiet">
      ${
        found.length === 1
          ? 'With a single uplink there is nothing to aggregate: connect another (Wi-Fi beside Ethernet, a phone by USB).'
          : 'Each connection is spread over all of them. What else is connected is used as soon as it appears.'
      }
    </p>
  `;
}

new LiveEvents({
  url: () => '/events',
  hear: {
    token: takeToken,
    'first-run': (view: FirstRunView) => {
      root.querySelector(':scope > .notice')?.remove();
      render(html`<${FirstRun} view=${view} />`, root as HTMLElement);
    },
    // The client has begun.
    view: () => location.reload(),
  },
  pulse: 'first-run',
  onSilent: () => {},
});
