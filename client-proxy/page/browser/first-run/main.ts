import { colourOf } from '../../../../shared/page-browser/colours.ts';
import { html, render, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { LiveEvents } from '../../../../shared/page-browser/live-events.ts';
import type { FirstRunView } from '../../first-run-files.ts';
import { act, takeToken } from '../base/client.ts';

/** Between the last word of this page and the first of the client's. */
const BEGIN_MS = 15_000;

const root = document.querySelector('#app')!;

interface Shown {
  readonly view: FirstRunView;
  /** Nothing has been heard for longer than a client takes to begin. */
  readonly isSilent: boolean;
}

let view: FirstRunView | undefined;

function FirstRun({ view, isSilent }: Shown) {
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
          as a QR code, which a phone can read and send here. It holds the key of this machine.
        </p>
        <${LinkForm} isSilent=${isSilent} />
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

function LinkForm({ isSilent }: Pick<Shown, 'isSilent'>) {
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
  if (isDone) {
    return html`<p class="done" role="status">
      ${
        isSilent
          ? html`<b>Saved, and the client has not begun.</b> It says why where it was started, or in its log.
              The configuration is in <code>${state.file}</code>.`
          : html`<b>Saved</b> in <code>${state.file}</code>. The client begins, and this page goes on with it, which shows whether the
              concentrator answers.`
      }
    </p>`;
  }
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

let silence: ReturnType<typeof setTimeout> | undefined;

function show(isSilent: boolean): void {
  if (view === undefined) return;
  root.querySelector(':scope > .notice')?.remove();
  render(html`<${FirstRun} view=${view} isSilent=${isSilent} />`, root as HTMLElement);
}

new LiveEvents({
  url: () => '/events',
  hear: {
    token: takeToken,
    'first-run': (told: FirstRunView) => {
      view = told;
      clearTimeout(silence);
      silence = undefined;
      show(false);
    },
    // The client has begun.
    view: () => location.reload(),
  },
  pulse: 'first-run',
  onSilent: () => {
    silence ??= setTimeout(() => show(true), BEGIN_MS);
  },
});
