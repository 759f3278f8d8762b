import { formatDestination } from '../../../shared/protocol/destination.ts';
import { type Finding, failed, ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { readCertificate } from '../../../shared/runtime/identity/certificate.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';
import { type PortLook, whoHas } from '../case/look-at-port.ts';

/** The concentrator runs, and answers with its certificate at each address that it listens at. */
export const portCheck: ConcentratorCheck = {
  name: 'port',
  async run({ config, lookAtPort }) {
    const pin = readCertificate(config.tls.certificate)?.pin.text;
    const looks = await Promise.all(
      config.listen.map(async (address) => ({ address, look: await lookAtPort(address) })),
    );
    const due = looks.filter(({ address, look }) => address.required || look.kind !== 'no-address');
    const findings = due.map(({ address, look }) =>
      judge(look, formatDestination(address), pin, whoHas(address)),
    );
    const worst =
      findings.find(({ outcome }) => outcome === 'failed') ??
      findings.find(({ outcome }) => outcome === 'warning');
    if (findings.length === 0) return skipped('no address to listen at');
    return (
      worst ??
      ok(`the concentrator answers at ${due.map(({ address }) => formatDestination(address)).join(', ')}`)
    );
  },
};

function judge(look: PortLook, where: string, pin: string | undefined, who: string): Finding {
  switch (look.kind) {
    case 'tls':
      return look.pin === pin
        ? ok(`the concentrator answers at ${where}`)
        : warning(`what answers at ${where} has another certificate than the configuration: ${look.pin}`, [
            'systemctl reload tributary-concentrator   # if it has not read its certificate again',
            who,
          ]);
    case 'other-program':
      return failed(`another program listens at ${where}`, [
        who,
        'stop it, or choose another port: "listen" and "public"',
      ]);
    case 'nothing':
      return failed(`nothing listens at ${where}: the concentrator does not run`, [
        'systemctl start tributary-concentrator   # or: tributary-concentrator --config FILE',
        'journalctl -u tributary-concentrator -n 50   # why it does not',
      ]);
    case 'no-address':
      return failed(`this machine has no address for ${where}`, ['ip address   # then correct "listen"']);
    case 'silent':
      return failed(`what listens at ${where} does not answer`, [
        'systemctl restart tributary-concentrator',
        'nft list ruleset   # a firewall may drop it, even from this machine',
      ]);
  }
}
