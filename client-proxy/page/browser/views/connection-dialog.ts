import { Choice } from '../../../../shared/page-browser/choice.ts';
import { html, useState } from '../../../../shared/page-browser/lib/htm-preact.js';
import type { ConnectionRow } from '../../../connections/connection-table.ts';
import type { SettingsReport } from '../../settings.ts';
import { useActing } from '../base/acting.ts';
import { useData } from '../base/client.ts';
import { Dialog } from '../base/dialog.ts';
import { Lasts, type LastsValue } from '../base/lasts.ts';
import { ruleHostsOf } from '../base/rule-hosts.ts';

interface ConnectionDialogProps {
  readonly row: ConnectionRow;
  readonly uplinks: readonly string[];
  readonly onClose: () => void;
}

/** Seldom: what it tells changes when somebody changes it. */
const SETTINGS_MS = 30_000;

/** What one can do with a connection: close it, and have those to the same place go otherwise from now on. */
export function ConnectionDialog({ row, uplinks, onClose }: ConnectionDialogProps) {
  const closing = useActing();
  const { id, destination, rule, way, concentrator } = row;
  return html`
    <${Dialog}
      title=${destination} about=${`${way}${concentrator === null ? '' : ` by ${concentrator}`}, ${rule === null ? 'by the default' : `by the rule “${rule}”`}`} onClose=${onClose}
    >
      <p>
        <button
          type="button" disabled=${closing.isBusy}
          onClick=${() => closing.run('close-connection', { id }, `Closed: ${destination}`, onClose)}
        >Close this connection</button>
      </p>
      ${closing.error !== '' && html`<p class="error" role="alert">${closing.error}</p>`}
      <${RuleForm} row=${row} uplinks=${uplinks} onDone=${onClose} />
    <//>
  `;
}

function RuleForm({
  row,
  uplinks,
  onDone,
}: {
  row: ConnectionRow;
  uplinks: readonly string[];
  onDone: () => void;
}) {
  const settings = useData<SettingsReport>('settings', {}, SETTINGS_MS);
  const hosts = ruleHostsOf(row);
  const [host, setHost] = useState(hosts[0]!);
  const [what, setWhat] = useState('direct');
  const [uplink, setUplink] = useState(uplinks[0] ?? '');
  const [mode, setMode] = useState('lowest-latency');
  const [lasts, setLasts] = useState<LastsValue>('until-restart');
  const adding = useActing();
  const action = what === 'direct' ? { direct: uplink } : what === 'block' ? { block: true } : { mode };
  const words = what === 'direct' ? `directly over ${uplink}` : what === 'block' ? 'blocked' : mode;
  return html`
    <form onSubmit=${(event: Event) => {
      event.preventDefault();
      adding.run('add-rule', { host, action, lasts }, `From now on, ${host}: ${words}`, onDone);
    }}>
      <h3>From now on</h3>
      ${
        hosts.length > 1
          ? html`<p><label class="field">What goes to
            <select value=${host} onChange=${({ target }: Event) => setHost((target as HTMLSelectElement).value)}>
              ${hosts.map((one) => html`<option value=${one}>${one}</option>`)}
            </select></label></p>`
          : html`<p>What goes to <b>${host}</b></p>`
      }
      <${Choice}
        legend="What it is to do" name="what" value=${what} onChange=${setWhat}
        options=${[['direct', 'goes directly'], ['mode', 'goes by a mode'], ['block', 'is blocked']]}
      />
      ${
        what === 'direct' &&
        html`<p><label class="field">Over
          <select value=${uplink} onChange=${({ target }: Event) => setUplink((target as HTMLSelectElement).value)}>
            ${uplinks.map((one) => html`<option value=${one}>${one}</option>`)}
          </select></label></p>
        <p class="quiet hint">Past the concentrator: networks on the way see where it goes.</p>`
      }
      ${
        what === 'mode' &&
        html`<p><label class="field">Mode
          <select value=${mode} onChange=${({ target }: Event) => setMode((target as HTMLSelectElement).value)}>
            ${(settings?.ruleModes ?? [mode]).map((one) => html`<option value=${one}>${one}</option>`)}
          </select></label></p>`
      }
      <${Lasts} value=${lasts} onChange=${setLasts} file=${settings?.file} />
      <p><button type="submit" class="main" disabled=${adding.isBusy || (what === 'direct' && uplink === '')}>Add this rule</button></p>
      ${adding.error !== '' && html`<p class="error" role="alert">${adding.error}</p>`}
    </form>
  `;
}
