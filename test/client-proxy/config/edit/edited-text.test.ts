import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type ConfigEdit,
  ConfigEditError,
  subjectOf,
} from '../../../../client-proxy/config/edit/config-edit.ts';
import { withEdit, withEdits } from '../../../../client-proxy/config/edit/edited-text.ts';

const edit = (text: string, ...edits: readonly ConfigEdit[]) =>
  edits.reduce((before, one) => withEdit(before, 'c.yaml', one), text);
const use = (name: string, to: 'on' | 'backup' | 'conditional' | 'off', found?: string): ConfigEdit => ({
  ...{ kind: 'uplink', name, use: to, found },
});
const mode = (name: 'aggregate' | 'redundant' | 'priority'): ConfigEdit => ({
  kind: 'default-mode',
  mode: name,
});
const rule = (host: string, action: Extract<ConfigEdit, { kind: 'rule' }>['action']): ConfigEdit => ({
  ...{ kind: 'rule', match: { host }, action },
});

const LISTED = `# My uplinks.
uplinks:
  # The copper one.
  - name: dsl # slow
    interface: eth0

  - { name: lte, interface: wwan0, backup: true } # costs
steering:
  default: aggregate # for now
log: { level: "info" }
`;

describe('a change of a configuration', () => {
  it('keeps comments, order, quotes and blank lines', () => {
    const text = edit(
      LISTED,
      use('dsl', 'backup'),
      mode('redundant'),
      rule('*.tracker.test', { block: true }),
    );
    expect(text).toBe(`# My uplinks.
uplinks:
  # The copper one.
  - name: dsl # slow
    interface: eth0
    backup: true

  - { name: lte, interface: wwan0, backup: true } # costs
steering:
  default: redundant # for now
  rules:
    - host: "*.tracker.test"
      block: true
log: { level: "info" }
`);
    expect(withEdits(LISTED, 'c.yaml', [])).toBe(LISTED);
    expect(
      withEdits(LISTED, 'c.yaml', [
        use('dsl', 'backup'),
        mode('redundant'),
        rule('*.tracker.test', { block: true }),
      ]),
    ).toBe(text);
  });

  it.each<readonly [string, ConfigEdit, string]>([
    ['- { name: lte, interface: w }', use('lte', 'off'), '- { name: lte, interface: w, enabled: false }'],
    ['- { name: lte, interface: w, enabled: false }', use('lte', 'on'), '- { name: lte, interface: w }'],
    ['- { name: lte, interface: w, backup: true }', use('lte', 'on'), '- { name: lte, interface: w }'],
    [
      '- { name: lte, interface: w, backup: true }',
      use('lte', 'off'),
      '- { name: lte, interface: w, backup: true, enabled: false }',
    ],
    [
      '- { name: lte, interface: w, backup: { between: "1:00-2:00" } }',
      use('lte', 'conditional'),
      '- { name: lte, interface: w, backup: { between: "1:00-2:00" } }',
    ],
    [
      '- { name: lte, interface: w, backup: { between: "1:00-2:00" }, enabled: false }',
      use('lte', 'conditional'),
      '- { name: lte, interface: w, backup: { between: "1:00-2:00" } }',
    ],
  ])('of %s', (before, change, after) => {
    expect(edit(`uplinks:\n  ${before}\n`, change)).toBe(`uplinks:\n  ${after}\n`);
  });

  it.each<readonly [string, string, string]>([
    [
      'auto',
      'uplinks: auto\n',
      'uplinks:\n  auto: true\n  settings:\n    - match: wwan0\n      enabled: false\n',
    ],
    [
      'an entry of its own',
      'uplinks:\n  settings:\n    - match: wwan0 # mine\n      weight: 2\n',
      'uplinks:\n  settings:\n    - match: wwan0 # mine\n      weight: 2\n      enabled: false\n',
    ],
    [
      'an entry for several, which it keeps',
      'uplinks:\n  auto: true\n  settings:\n    - match: "wwan*"\n      standby: break-before-make\n    - match: "*"\n      weight: 3\n',
      'uplinks:\n  auto: true\n  settings:\n    - match: wwan0\n      standby: break-before-make\n      enabled: false\n' +
        '    - match: "wwan*"\n      standby: break-before-make\n    - match: "*"\n      weight: 3\n',
    ],
    [
      'an entry for others',
      'uplinks:\n  settings:\n    - match: eth0\n      weight: 3\n',
      'uplinks:\n  settings:\n    - match: wwan0\n      enabled: false\n    - match: eth0\n      weight: 3\n',
    ],
  ])('of an uplink that was found, with %s', (_, before, after) => {
    expect(edit(before, use('wwan0', 'off', 'wwan0'))).toBe(after);
  });

  it.each<readonly [string, string, ConfigEdit, string]>([
    ['an uplink that is not there', 'uplinks: auto\n', use('x', 'off'), 'not in the configuration'],
    [
      'a plan of several',
      'uplinks: { settings: [{ match: "w*", metered: {} }] }\n',
      use('w0', 'off', 'w0'),
      'give that entry a plan',
    ],
    [
      'an entry by hardware',
      'uplinks: { settings: [{ mac: "00:11:22:33:44:55" }] }\n',
      use('w0', 'off', 'w0'),
      'goes by mac',
    ],
    ['an alias', 'a: &a { default: aggregate }\nsteering: *a\n', mode('redundant'), 'alias'],
    [
      'a mode that a rule shares',
      'steering:\n  default: &m aggregate\n  rules:\n    - { host: a.b, mode: *m }\n',
      mode('redundant'),
      'steering.default is shared',
    ],
    [
      'an uplink that another one shares a setting of',
      'uplinks:\n  - { name: a, interface: a, backup: &b true }\n  - { name: b, interface: b, backup: *b }\n',
      use('a', 'on'),
      'backup is shared',
    ],
    ['no condition', 'uplinks:\n  - { name: a, interface: a }\n', use('a', 'conditional'), 'no condition'],
  ])('is refused for %s', (_, text, change, words) => {
    expect(() => edit(text, change)).toThrow(ConfigEditError);
    expect(() => edit(text, change)).toThrow(words);
  });

  it('of the mode keeps what means something in the other mode', () => {
    const before = 'steering:\n  default:\n    mode: active-standby # for calls\n    order: [a, b] # mine\n';
    expect(edit(before, mode('priority'))).toBe(
      'steering:\n  default:\n    mode: priority # for calls\n    order: [a, b] # mine\n',
    );
    expect(edit('a: 1\n', mode('redundant'))).toBe('a: 1\nsteering:\n  default: redundant\n');
  });

  it.each<readonly [string, string, ConfigEdit, string, unknown]>([
    [
      'parameters of the mode',
      'steering: { default: { mode: weighted, weights: { a: 1 } } }\n',
      mode('aggregate'),
      'weights, which would be lost',
      { steering: { default: { mode: 'aggregate' } } },
    ],
    [
      'directions with modes of their own',
      'steering: { default: { mode: aggregate, up: { mode: redundant } } }\n',
      mode('redundant'),
      'up, which would be lost',
      { steering: { default: { mode: 'redundant' } } },
    ],
    ...(['on', 'backup'] as const).map(
      (to) =>
        [
          `a condition (${to})`,
          'uplinks: [{ name: a, backup: { between: "1:00-2:00" } }]\n',
          use('a', to),
          'a backup by a condition',
          { uplinks: [{ name: 'a', ...(to === 'backup' && { backup: true }) }] },
        ] as const,
    ),
  ])('does not lose for good, but may until a restart: %s', (_, text, change, words, value) => {
    expect(() => edit(text, change)).toThrow(words);
    expect(parse(withEdits(text, 'c.yaml', [change]))).toEqual(value);
  });

  it('puts a rule first, in place of those about the same alone', () => {
    const before = `steering:
  rules:
    # Work.
    - { host: a.test, mode: redundant }
    - { host: a.test, port: 22, mode: aggregate }
    - { host: B.test, direct: dsl } # the bank
`;
    expect(edit(before, rule('b.test', { block: true }), rule('a.test', { direct: 'lte' }))).toBe(`steering:
  rules:
    # Work.
    - { host: a.test, direct: lte }
    - { host: B.test, block: true } # the bank
    - { host: a.test, port: 22, mode: aggregate }
`);
  });

  it.each<readonly [string, string, ConfigEdit]>([
    [
      'of a rule and what it did',
      'steering:\n  rules:\n    # above\n    - host: b.test # beside\n      mode: redundant # why\n',
      rule('b.test', { block: true }),
    ],
    [
      'of other rules about the same',
      'steering:\n  rules:\n    - host: b.test\n      mode: redundant\n    # second\n    - host: b.test # beside\n      block: true\n',
      rule('b.test', { direct: 'dsl' }),
    ],
    ['of no rules', 'steering:\n  rules:\n    # none yet\nsocks: {}\n', rule('b.test', { block: true })],
    ['of no steering', 'steering: # later\nsocks: {}\n', mode('redundant')],
    ['of all uplinks', 'uplinks: auto # all\nsocks: {}\n', use('eth0', 'off', 'eth0')],
    [
      'of an uplink that is on again',
      'uplinks:\n  - name: a\n    enabled: false # contract ended\n    backup: true # costs\n',
      use('a', 'on'),
    ],
  ])('keeps the comments %s', (_, text, change) => {
    const comments = (of: string) => [...of.matchAll(/# *([a-z ]+)/g)].map(([, words]) => words).sort();
    const after = edit(text, change);
    expect(comments(after)).toEqual(comments(text));
    expect(after).not.toBe(text);
  });

  it('keeps the ends of lines', () => {
    for (const text of [LISTED, LISTED.slice(0, -1), 'a: 1\n', `${LISTED}\n# The end.\n`]) {
      const after = edit(text, mode('redundant'), use('dsl', 'off', 'dsl'));
      const byCrLf = edit(text.replaceAll('\n', '\r\n'), mode('redundant'), use('dsl', 'off', 'dsl'));
      expect(byCrLf).toBe(after.replaceAll('\n', '\r\n'));
    }
  });

  it('leaves lists where they stand, and long lines whole', () => {
    const long = `# ${'word '.repeat(60)}end\n`;
    const text = `${long}steering:\n  rules:\n  - host: a.test\n    block: true\npublish: []\n`;
    expect(edit(text, mode('redundant'))).toBe(
      `${long}steering:\n  rules:\n  - host: a.test\n    block: true\n  default: redundant\npublish: []\n`,
    );
  });

  it('leaves other sections as they are written', () => {
    const others = `# Top.
a: ["x",   'y']   # odd

# Above.
b:
    - {k: v}
`;
    const steering = `# Rules.
steering:
  default: aggregate
  # Below the default.
`;
    const last = `
# Before the last.
c:   [1,2]
# The end.
`;
    expect(edit(others + steering + last, mode('redundant'), rule('x.test', { direct: 'dsl' }))).toBe(
      `${others}${steering.replace('aggregate', 'redundant').replace('  # Below', '  rules:\n    - host: x.test\n      direct: dsl\n  # Below')}${last}`,
    );
    expect(edit(others, mode('redundant'))).toBe(`${others}steering:\n  default: redundant\n`);
    expect(edit('a: &x [1]\nsteering:\n  rules: []\nb: *x\n', mode('redundant'))).toContain('a: &x [1]');
  });

  it('takes the place of an earlier one of the same', () => {
    expect(subjectOf(use('dsl', 'off'))).toBe(subjectOf(use('dsl', 'on')));
    expect(subjectOf(rule('a.test', { block: true }))).toBe(subjectOf(rule('a.test', { direct: 'dsl' })));
    expect(subjectOf(rule('a.test', { block: true }))).not.toBe(subjectOf(rule('b.test', { block: true })));
  });
});
