import { expect, it } from 'vitest';
import { closedPortRemedy } from '../../../server-concentrator/doctor/firewall/closed-port.ts';

const DROPPING =
  'table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\n';

/** Its zone `public` for all interfaces, and what else stands there. */
const FIREWALLD = `table inet firewalld {
\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy accept;
\t\tct state { established, related } accept
\t\tct status dnat accept
\t\tiifname "lo" accept
\t\tct state invalid drop
\t\tjump filter_INPUT_ZONES
\t\treject with icmpx admin-prohibited
\t}
\tchain filter_INPUT_ZONES {
\t\tiifname "docker0" goto filter_IN_docker
\t\tgoto filter_IN_public
\t}
\tchain filter_IN_docker {
\t\taccept
\t}
\tchain filter_IN_public {
\t\tjump filter_IN_public_deny
\t\tjump filter_IN_public_allow
\t\tmeta l4proto { icmp, ipv6-icmp } accept
\t\treject with icmpx admin-prohibited
\t}
\tchain filter_IN_public_deny {
\t}
\tchain filter_IN_public_allow {
\t\ttcp dport 22 accept
\t}
}`;
/** Rules of nft that drop by default, besides sets and chains of the same table. */
const DEFAULT_DROP = (rules: string, more = '') =>
  `table inet filter {\n${more}\n\tchain in {\n\t\ttype filter hook input priority filter; policy drop;\n\t\t${rules}\n\t}\n}\n`;
const PORTS =
  '\tset ports {\n\t\ttype inet_service\n\t\tflags interval\n\t\telements = { 22, 443,\n\t\t\t     8000-9000 }\n\t}';
const OPENED =
  '\tmap opened {\n\t\ttype inet_service : verdict\n\t\telements = { 25 : drop, 8443 : accept }\n\t}';
const LOGDROP = '-A LOGDROP -m limit --limit 3/min -j LOG --log-prefix "drop: "\n-A LOGDROP -j DROP\n';
/** What ufw has in front of the rules of users: what is not for this machine is dropped. */
const UFW = (rule: string) =>
  `:INPUT DROP [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input ${rule}
`;
/** A chain that accepts what no rule drops. */
const ACCEPTING = (rule: string) =>
  `table inet filter {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t${rule}\n\t}\n}`;

/** Rules of ufw that let clients in, or a redirection of Docker's, in a table of its own; another program's table beside it. */
const UFW_ALLOWS =
  'table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tjump ufw-user-input\n\t}\n' +
  '\tchain ufw-user-input {\n\t\tmeta l4proto { tcp, udp } th dport 8443 accept\n\t}\n}\n';
const DOCKER_REDIRECTS =
  'table ip nat {\n\tchain DOCKER {\n\t\tiifname != "docker0" tcp dport 8443 dnat to 172.17.0.2:8443\n\t}\n}\n';

/** What opens port 8443, as the program says whose rules these are. */
function remedyFor(rules: string, protocol: 'tcp' | 'udp' = 'tcp'): string | undefined {
  const tool = /^table /.test(rules) ? 'nft' : 'iptables';
  return closedPortRemedy(rules, { port: 8443, protocol }, { tool });
}

it.each([
  [DROPPING, ['tcp', 'udp']],
  [DROPPING.replace('22', '{ 22, 8443 }'), ['udp']],
  [DROPPING.replace('22', '8000-9000'), ['udp']],
  [DROPPING.replace('22', '18443'), ['tcp', 'udp']],
  [DROPPING.replace('tcp dport 22', 'udp dport 8443'), ['tcp']],
  [DROPPING.replace('tcp dport 22', 'meta l4proto { tcp, udp } th dport 8443'), []],
  [DEFAULT_DROP('th dport @ports accept', PORTS), []],
  [DEFAULT_DROP('tcp dport @ports accept', PORTS), ['udp']],
  [DEFAULT_DROP('ip saddr . tcp dport { 192.0.2.1 . 8443 } accept'), ['udp']],
  [DROPPING.replace('policy drop', 'policy accept'), []],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n', ['tcp', 'udp']],
  // The counters of a chain and of rules are no ports, nor is what a comment says.
  [':INPUT DROP [15:9000]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n', ['udp']],
  [':INPUT ACCEPT [15:9000]\n-A INPUT -j DROP\n', ['tcp', 'udp']],
  [
    ':INPUT DROP [0:0]\n[15:9000] -A INPUT -p tcp --dport 22 -m comment --comment "not 8443" -j ACCEPT\n',
    ['tcp', 'udp'],
  ],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n', ['udp']],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j ACCEPT\n-A INPUT -p udp --dport 8443 -j ACCEPT\n', []],
  [':INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n', []],
  // As the images of some providers have it, and firewalld: all are accepted whom the last rule does not refuse.
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n',
    ['tcp', 'udp'],
  ],
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n',
    ['udp'],
  ],
  [':INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n', ['tcp']],
  [':INPUT ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n-A LOGDROP -j DROP\n', []],
  [FIREWALLD, ['tcp', 'udp']],
  [FIREWALLD.replace('22', '8443'), ['udp']],
  // A rule that closes the port itself; not for some, or beyond a rate.
  [ACCEPTING('tcp dport 8443 counter packets 5 bytes 300 drop'), ['tcp']],
  [
    ACCEPTING('meta l4proto { tcp, udp } th dport { 80, 8443 } reject with icmpx port-unreachable'),
    ['tcp', 'udp'],
  ],
  [ACCEPTING('tcp dport 8443 accept\n\t\ttcp dport 8443 drop'), []],
  [ACCEPTING('ip saddr 192.0.2.0/24 tcp dport 8443 drop'), []],
  [ACCEPTING('tcp dport 8443 limit rate over 10/second drop'), []],
  [ACCEPTING('ct state invalid drop'), []],
  [ACCEPTING('tcp dport 8443 drop').replace('hook input', 'hook forward'), []],
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -j ufw-user-input\n-A ufw-user-input -p udp -m udp --dport 8443 -j DROP\n',
    ['udp'],
  ],
  // Pings are no matter of ours.
  [ACCEPTING('ip protocol icmp drop'), []],
  [ACCEPTING('meta l4proto icmp drop'), []],
  [ACCEPTING('meta l4proto { icmp, ipv6-icmp } counter packets 0 bytes 0 drop'), []],
  [':INPUT ACCEPT [0:0]\n-A INPUT -p icmp -j DROP\n', []],
  [ACCEPTING('meta l4proto { icmp, tcp } drop'), ['tcp']],
  [ACCEPTING('ip protocol udp drop'), ['udp']],
  // A packet passes the chains of all tables: what one lets in, another may drop.
  [UFW_ALLOWS, []],
  [`${UFW_ALLOWS}${DROPPING}`, ['tcp', 'udp']],
  [`${UFW_ALLOWS}${DROPPING.replace('tcp dport 22', 'tcp dport 8443')}`, ['udp']],
  [`${DOCKER_REDIRECTS}${DROPPING}`, ['tcp', 'udp']],
  [
    `${ACCEPTING('tcp dport 8443 accept')}\n${ACCEPTING('tcp dport 8443 drop').replace('filter', 'raw')}`,
    ['tcp'],
  ],
  [
    ACCEPTING(
      'tcp dport 8443 accept\n\t}\n\tchain late {\n\t\ttype filter hook input priority 9; policy drop;',
    ),
    ['tcp', 'udp'],
  ],
  [
    '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 8443 -j REDIRECT --to-ports 8443\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp --dport 8443 -j ACCEPT\nCOMMIT\n',
    ['tcp'],
  ],
  // The first rule that is for all decides, whatever comes behind it.
  [
    ':INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT\n',
    ['tcp', 'udp'],
  ],
  [ACCEPTING('tcp dport 22 accept\n\t\treject\n\t\ttcp dport 8443 accept'), ['tcp', 'udp']],
  // A port that packets come from is another matter.
  [':INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --sport 8443 -j ACCEPT\n', ['tcp', 'udp']],
  [DEFAULT_DROP('tcp sport 8443 accept'), ['tcp', 'udp']],
  [DEFAULT_DROP('udp sport 53 accept'), ['tcp', 'udp']],
  // Chains that are called.
  [`:INPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n-A INPUT -j LOGDROP\n${LOGDROP}`, ['tcp', 'udp']],
  [
    `:INPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n-A INPUT -p tcp -m tcp --dport 8443 -j LOGDROP\n${LOGDROP}`,
    ['tcp'],
  ],
  [`:INPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n-A INPUT -m state --state INVALID -j LOGDROP\n${LOGDROP}`, []],
  [':INPUT DROP [0:0]\n:OTHER - [0:0]\n-A OTHER -p tcp -m tcp --dport 8443 -j ACCEPT\n', ['tcp', 'udp']],
  [UFW('-p tcp -m tcp --dport 8443 -j ACCEPT'), ['udp']],
  // What lets in all, or those of a network or an interface, does so at this port, too.
  [UFW('-i eth0 -j ACCEPT'), []],
  [UFW('-s 10.8.0.0/24 -j ACCEPT'), []],
  [UFW('-i docker0 -j ACCEPT'), ['tcp', 'udp']],
  [UFW('-s 127.0.0.0/8 -j ACCEPT'), ['tcp', 'udp']],
  [DEFAULT_DROP('iifname "eth0" accept'), []],
  [DEFAULT_DROP('iifname { "lo", "docker0" } accept'), ['tcp', 'udp']],
  [DEFAULT_DROP('ct state established,related accept'), ['tcp', 'udp']],
  [DEFAULT_DROP('ct state { established, related, new } accept'), []],
  [DEFAULT_DROP('meta mark 0x00000005 accept'), ['tcp', 'udp']],
  [DEFAULT_DROP('icmpv6 type { echo-request, nd-neighbor-solicit } accept'), ['tcp', 'udp']],
  [FIREWALLD.replace('goto filter_IN_public', 'iifname "eth0" goto filter_IN_docker'), []],
  // Ports beyond one, all but one, and a map of what becomes of each.
  [DEFAULT_DROP('tcp dport >= 1024 accept'), ['udp']],
  [DEFAULT_DROP('tcp dport < 1024 accept'), ['tcp', 'udp']],
  [DEFAULT_DROP('tcp dport != 25 accept'), ['udp']],
  [':INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp ! --dport 25 -j ACCEPT\n', ['udp']],
  [DEFAULT_DROP('tcp dport vmap { 25 : drop, 8443 : accept }'), ['udp']],
  [DEFAULT_DROP('tcp dport vmap @opened', OPENED), ['udp']],
  [ACCEPTING('tcp dport vmap { 25 : accept, 8443 : drop }'), ['tcp']],
  [
    DEFAULT_DROP(
      'ct state vmap { established : accept, invalid : drop, new : jump fresh }',
      '\tchain fresh {\n\t\ttcp dport 8443 counter packets 0 bytes 0 accept comment "drop"\n\t}',
    ),
    ['udp'],
  ],
  // Chains that are called under a condition that is not known: whole sets of rules stand there.
  [
    ':INPUT DROP [0:0]\n:NEW - [0:0]\n-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j NEW\n-A NEW -p tcp -m tcp --dport 8443 -j ACCEPT\n',
    ['udp'],
  ],
  [
    ':INPUT DROP [0:0]\n:OWN - [0:0]\n-A INPUT -m addrtype --dst-type LOCAL -j OWN\n-A OWN -p udp -m udp --dport 8443 -j ACCEPT\n',
    ['tcp'],
  ],
  [DEFAULT_DROP('meta nfproto ipv4 jump four', '\tchain four {\n\t\tiifname "eth0" accept\n\t}'), []],
  // A flowtable of the next table has a hook, too.
  [
    `${DROPPING}table inet offload {\n\tflowtable fast {\n\t\thook ingress priority filter\n\t\tdevices = { eth0 }\n\t}\n}\n`,
    ['tcp', 'udp'],
  ],
  // As does one in front of the chains of its own table.
  [
    DROPPING.replace(
      '{',
      '{\n\tflowtable fast {\n\t\thook ingress priority filter\n\t\tdevices = { eth0 }\n\t}',
    ),
    ['tcp', 'udp'],
  ],
  ['', []],
])('reads rules of a packet filter: %s', (rules, closed) => {
  const isClosed = (protocol: 'tcp' | 'udp') => remedyFor(rules, protocol) !== undefined;
  expect((['tcp', 'udp'] as const).filter(isClosed)).toEqual(closed);
});

it.each([
  [':INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n', /^iptables -I INPUT -p tcp --dport 8443 -j ACCEPT /],
  [':INPUT DROP [0:0]\n-A INPUT -j ufw-before-input\n', /^ufw allow 8443\/tcp$/],
  [FIREWALLD, /^firewall-cmd --permanent --add-port=8443\/tcp && firewall-cmd --reload$/],
  [ACCEPTING('tcp dport 8443 drop'), /^nft insert rule inet filter in tcp dport 8443 accept /],
  [`${UFW_ALLOWS}${DROPPING}`, /^nft insert rule inet filter input tcp dport 8443 accept /],
  [UFW_ALLOWS.replace('8443', '22'), /^ufw allow 8443\/tcp$/],
  [
    ':INPUT DROP [0:0]\n-A INPUT -p tcp --dport 8443 -j DROP\n-A INPUT -j ufw-before-input\n',
    /^iptables -I INPUT -p tcp --dport 8443 -j ACCEPT /,
  ],
  [
    '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 8443 -j DROP\n',
    /^iptables -t raw -I PREROUTING /,
  ],
])('opens a port by the program that closes it: %s', (rules, remedy) => {
  expect(remedyFor(rules)).toMatch(remedy);
});
