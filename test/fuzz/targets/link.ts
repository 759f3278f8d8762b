import { formatLink, LinkError, parseLink } from '../../../shared/runtime/identity/link.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const KEY = 'A'.repeat(43);
const LINK = `tributary://laptop:${KEY}@vps.example:8443,[2001:db8::1]:443/?pin=sha256:${'ab'.repeat(32)}`;
const TWO_PINS = `tributary://a:${KEY}@b:1/?pin=sha256:${KEY},sha256:${'B'.repeat(42)}E`;

/** A link that anybody may have sent: read and written again it is the same link; an error never shows what may be the key. */
export const link: FuzzTarget = {
  name: 'link',
  maxBytes: 1_024,
  seeds: () => [LINK, TWO_PINS, 'tributary://a:b@c/?pin=sha256:'].map((text) => Buffer.from(text)),
  run(input) {
    const text = Buffer.from(input).toString('utf8');
    const parsed = read(text);
    if (parsed === undefined) return;
    const written = formatLink(parsed);
    promise(formatLink(parseLink(written)) === written, `read again as another link: ${written}`);
  },
};

function read(text: string): ReturnType<typeof parseLink> | undefined {
  try {
    return parseLink(text);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    for (const [possibleKey] of text.matchAll(/[\w+/=-]{24,}/g)) {
      promise(!error.message.includes(possibleKey), `the error shows what may be the key: ${error.message}`);
    }
    return undefined;
  }
}
