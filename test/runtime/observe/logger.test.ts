import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../shared/runtime/observe/logger.ts';
import { scrubSecrets } from '../../../shared/runtime/text/scrub.ts';

const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';

function logging(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  return {
    lines,
    logger: createLogger({ level: 'info', format: 'json', isTty: false, destination, ...options }),
  };
}

describe('the logger', () => {
  it('writes JSON lines with time, level and message', () => {
    const { lines, logger } = logging();
    logger.child({ session: 's1' }).info({ uplink: 'wifi' }, 'up');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      session: 's1',
      uplink: 'wifi',
      msg: 'up',
    });
  });

  it('is readable on a terminal, where nothing else is said', () => {
    const auto = logging({ format: 'auto', isTty: true });
    auto.logger.info({ uplink: 'wifi' }, 'up');
    expect(auto.lines.join('')).toMatch(/INFO.*up/);
    expect(() => JSON.parse(auto.lines[0] ?? '')).toThrow();
    const piped = logging({ format: 'auto', isTty: false });
    piped.logger.info('up');
    expect(JSON.parse(piped.lines[0] ?? '')).toMatchObject({ msg: 'up' });
    const forced = logging({ format: 'pretty', isTty: false });
    forced.logger.info('up');
    expect(forced.lines[0]).toMatch(/^\[.*\] INFO: up\n$/);
  });

  it('changes its level while it runs', () => {
    const { lines, logger } = logging({ level: 'warn' });
    logger.info('no');
    logger.level = 'debug';
    logger.debug('yes');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['yes']);
  });

  it.each(['json', 'pretty'] as const)('lets no secret out: %s', (format) => {
    const { lines, logger } = logging({ format });
    const link = `tributary://laptop:${SECRET}@vps:8443/?pin=sha256:x`;
    const proxy = `socks5://user:${SECRET}@host:1080`;
    for (const field of [
      'key',
      'keys',
      'password',
      'passphrase',
      'token',
      'authorization',
      'link',
      'privateKey',
      'proxy',
    ]) {
      logger.info({ [field]: SECRET });
      logger.info({ a: { [field]: SECRET } });
      logger.info({ a: { b: { c: { d: { [field]: SECRET } } } } });
      logger.info({ uplinks: [{ binding: { [field]: SECRET } }] });
      logger.child({ client: { [field]: SECRET } }).info('child');
    }
    logger.info(`join ${link} and ${proxy}`);
    logger.info({ command: link, text: `a "${proxy}" b`, list: [link] }, 'in %s', proxy);
    logger.error(new Error(`no way to ${proxy}`, { cause: new Error(link) }), 'failed');
    logger.info(`socks5://user:p"a\\s's@${SECRET}@host`);
    const all = lines.join('');
    expect(lines.length).toBeGreaterThan(40);
    expect(all).not.toContain(SECRET);
    expect(all).toContain('socks5://[redacted]@host:1080');
    if (format === 'json') for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });
});

describe('scrubbing', () => {
  it.each([
    ['nothing to hide', 'nothing to hide'],
    ['https://example.org/a@b?c', 'https://[redacted]@b?c'],
    ['see http://example.org/', 'see http://example.org/'],
    ['"socks5://u:p@ss@h:1","x@y"', '"socks5://[redacted]@h:1","x@y"'],
    [
      'starts with "tributary://" or tributary://CLIENT:KEY@HOST',
      'starts with "tributary://" or tributary://CLIENT:KEY@HOST',
    ],
    [
      '"socks5://USER:PASSWORD@HOST:PORT" (percent-encode',
      '"socks5://USER:PASSWORD@HOST:PORT" (percent-encode',
    ],
    [`tributary://half:${SECRET.slice(0, 20)}`, 'tributary://[redacted]'],
    [`TRIBUTARY://a:${SECRET}@c d`, 'tributary://[redacted] d'],
  ])('%s', (text, scrubbed) => expect(scrubSecrets(text)).toBe(scrubbed));
});
