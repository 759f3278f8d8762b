import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import type { SettingsReport } from '../../settings.ts';
import { useActing } from '../base/acting.ts';
import { useData } from '../base/client.ts';
import { Dialog } from '../base/dialog.ts';
import { Lasts, type LastsValue } from '../base/lasts.ts';

/** What a person changes of how the client goes: the use of an uplink, by name, or the default mode. */
export type Changing = { readonly uplink: string } | 'mode';

type Use = SettingsReport['uplinks'][number]['use'];

const USES: readonly (readonly [Use, string])[] = [
  ['on', 'always'],
  ['backup', 'as a backup'],
  ['conditional', 'as a backup by its condition'],
  ['off', 'not at all'],
];
const USE_MEANS: Readonly<Record<Use, string>> = {
  on: 'It carries what the mode gives it.',
  backup: 'It carries something only while no other uplink works.',
  conditional:
    'It is a backup while its condition in the configuration holds, and carries what the mode gives it else.',
  off: 'Nothing goes over it. Connections through the concentrator go on over the others; those past it, directly over this uplink, are cut.',
};
const MODE_MEANS: Readonly<Record<string, string>> = {
  aggregate: 'Spreads each connection over all uplinks, for the highest rate.',
  'lowest-latency': 'Sends on the uplink that delivers first.',
  'active-standby': 'Uses one uplink, and another one when that fails.',
  priority: 'Fills the preferred uplink first, then the next.',
  weighted: 'Spreads by the shares in the configuration.',
  redundant: 'Sends everything on all uplinks, for what must not wait.',
  'round-robin': 'Takes the uplinks in turn.',
};

/** The window for one of these changes. */
export function SettingsDialog({ changing, onClose }: { changing: Changing; onClose: () => void }) {
  const settings = useData<SettingsReport>('settings');
  if (settings === undefined) return null;
  return changing === 'mode'
    ? html`<${ModeForm} settings=${settings} onClose=${onClose} />`
    : html`<${UseForm} settings=${settings} name=${changing.uplink} onClose=${onClose} />`;
}

interface FormProps {
  readonly settings: SettingsReport;
  readonly onClose: () => void;
}

function UseForm({ settings, name, onClose }: FormProps & { readonly name: string }) {
  const now = settings.uplinks.find((one) => one.name === name);
  const [use, setUse] = useState<Use>(now?.use ?? 'on');
  const uses = USES.filter(([value]) => value !== 'conditional' || now?.hasCondition);
  const [lasts, setLasts] = useState<LastsValue>('until-restart');
  const acting = useActing();
  const said = `${name} is used ${USES.find(([value]) => value === use)?.[1]}`;
  return html`
    <${Dialog} title=${name} about="Use this uplink" onClose=${onClose}>
      <form onSubmit=${(event: Event) => {
        event.preventDefault();
        acting.run('use-uplink', { name, use, lasts }, said, onClose);
      }}>
        <${Choice} legend="Use this uplink" name="use" value=${use} options=${uses} onChange=${setUse} />
        <p class="quiet hint">${USE_MEANS[use]}</p>
        <${Lasts} value=${lasts} onChange=${setLasts} file=${settings.file} />
        <p><button type="submit" class="main" disabled=${acting.isBusy}>Change it</button></p>
        ${acting.error !== '' && html`<p class="error" role="alert">${acting.error}</p>`}
      </form>
    <//>
  `;
}

function ModeForm({ settings, onClose }: FormProps) {
  const [mode, setMode] = useState<string>(settings.defaultMode);
  const [lasts, setLasts] = useState<LastsValue>('until-restart');
  const acting = useActing();
  return html`
    <${Dialog} title="Default mode" about="Of connections for which no rule says otherwise" onClose=${onClose}>
      <form onSubmit=${(event: Event) => {
        event.preventDefault();
        acting.run('set-mode', { mode, lasts }, `The default mode is ${mode}`, onClose);
      }}>
        <fieldset class="modes">
          <legend class="visually-hidden">Mode</legend>
          ${settings.defaultModes.map(
            (one) => html`
              <label>
                <input type="radio" name="mode" checked=${one === mode} onChange=${() => setMode(one)} />
                <span><b>${one}</b><small class="quiet">${MODE_MEANS[one]}</small></span>
              </label>
            `,
          )}
        </fieldset>
        <${Lasts} value=${lasts} onChange=${setLasts} file=${settings.file} />
        <p><button type="submit" class="main" disabled=${acting.isBusy}>Change it</button></p>
        ${acting.error !== '' && html`<p class="error" role="alert">${acting.error}</p>`}
      </form>
    <//>
  `;
}
