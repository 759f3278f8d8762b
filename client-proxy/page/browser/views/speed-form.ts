import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import { bytesText } from '../../../../shared/page-browser/words.ts';
import type { SpeedTestsState } from '../../../speedtest/speed-tests.ts';
import { act } from '../base/client.ts';

/** Payload in all; the middle one is the command line's, too. */
const AMOUNTS = [
  [50_000_000, '50 MB'],
  [200_000_000, '200 MB'],
  [1_000_000_000, '1 GB'],
] as const;
const SECONDS = 3;

/** What a test may use, and the button that starts it. */
export function SpeedForm({ state: { uplinks } }: { state: SpeedTestsState }) {
  const [maxBytes, setMaxBytes] = useState<number>(AMOUNTS[1][0]);
  const [metered, setMetered] = useState(false);
  const [trouble, setTrouble] = useState('');
  const meteredNames = uplinks.filter(({ isMetered }) => isMetered).map(({ name }) => name);
  const isMany = meteredNames.length > 1;
  const start = () => {
    setTrouble('');
    act('speedtest-start', { metered, maxBytes, seconds: SECONDS }).catch((error: Error) =>
      setTrouble(error.message),
    );
  };
  return html`
    <p class="quiet">
      Measures each uplink alone, all at once, and one transfer over all of them, down and up. It fills the uplinks meanwhile:
      what else runs is slower for that time.
    </p>
    <div class="speed-form">
      <div class="amount">
        <span class="quiet" aria-hidden="true">at most</span>
        <${Choice} legend="Bytes at most" name="amount" value=${maxBytes} onChange=${setMaxBytes}
            options=${AMOUNTS} />
      </div>
      ${
        meteredNames.length > 0 &&
        html`<label class="metered">
          <input type="checkbox" checked=${metered} onChange=${() => setMetered(!metered)} />
          <span>${meteredNames.join(', ')} too, which ${isMany ? 'are' : 'is'} metered</span>
        </label>`
      }
      <button type="button" class="main" onClick=${start}>Start</button>
    </div>
    ${
      metered &&
      html`<p class="warning" role="status">
        Up to ${bytesText(maxBytes)} may go over ${meteredNames.join(', ')}, and count for ${isMany ? 'their plans' : 'its plan'}.
      </p>`
    }
    ${trouble !== '' && html`<p class="problem" role="alert">${trouble}</p>`}
  `;
}
