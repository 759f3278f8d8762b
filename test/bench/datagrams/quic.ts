import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { type Bed, type BedOptions, createBed } from '../../bed/bed.ts';
import { compiled } from '../../bed/compile.ts';
import { SOCKS } from '../../lab/bed-place.ts';
import { missingProgram, untilListening } from '../../lab/programs.ts';
import { median } from '../../lab/statistics.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import type { TributarySetup } from '../../lab/tributary-setup.ts';
import { networkById } from '../scenarios.ts';

/** `single`: over the first uplink alone. `sum`: over one link with the rate of both, `tributary-sum`: through the pair over that. */
type Contestant = 'tributary' | 'single' | 'sum' | 'tributary-sum';

/** A download of a browser, over QUIC or TCP. */
export interface DownloadRecord {
  readonly contestant: Contestant;
  readonly protocol: 'h3' | 'h2';
  readonly repetition: number;
  readonly goodputMbps?: number;
  /** Why there is no figure. */
  readonly error?: string;
}

type Way = Pick<DownloadRecord, 'contestant' | 'protocol'>;

/** The median of a way's downloads. */
export function medianMbps(
  records: readonly DownloadRecord[],
  { contestant, protocol }: Way,
): number | undefined {
  const values = records.flatMap((one) =>
    one.contestant === contestant && one.protocol === protocol ? (one.goodputMbps ?? []) : [],
  );
  return values.length > 0 ? median(values) : undefined;
}

/** In the order in which they run. */
export const WAYS: readonly Way[] = [
  { contestant: 'tributary', protocol: 'h3' },
  { contestant: 'tributary', protocol: 'h2' },
  { contestant: 'single', protocol: 'h3' },
  { contestant: 'single', protocol: 'h2' },
  { contestant: 'sum', protocol: 'h3' },
  { contestant: 'tributary-sum', protocol: 'h3' },
];

const TWIN = networkById('E1');
/** One link instead of the two. */
const SUM: Pick<BedOptions, 'uplinks'> = {
  uplinks: [{ ...TWIN.uplinks[0]!, rateMbps: 40 }],
};
const BYTES = 12_000_000;
const NAME = 'origin.test';
const PORT = 8444;
const FORWARDED_PORT = 8445;
const BROWSER_LIMIT_MS = 45_000;
/** About how long one download takes, with its bed and the start of the browser. */
export const DOWNLOAD_MS = 12_000;

function isOurs({ contestant }: Way): boolean {
  return contestant.startsWith('tributary');
}

/** Says what is missing of the programs. */
export function missingForQuic(): string | undefined {
  return missingProgram([
    { name: 'chromium', aptPackage: 'chromium' },
    { name: 'caddy', aptPackage: 'caddy' },
  ]);
}

/** Chromium downloads from Caddy, in a bed of its own. */
export async function measureDownload(
  way: Way,
  repetition: number,
  setup: TributarySetup,
  onBed: (bed: Bed) => void,
): Promise<DownloadRecord> {
  const network = way.contestant.endsWith('sum') ? SUM : TWIN;
  const bed = await createBed({ ...network, congestionControl: 'bbr', seed: repetition });
  onBed(bed);
  const folder = await mkdtemp(join(tmpdir(), 'tributary-quic-'));
  try {
    const keyHash = await startCaddy(bed, folder);
    if (isOurs(way)) await startOurs(bed, setup, way.protocol);
    const goodputMbps = await download(bed, folder, keyHash, way);
    return { ...way, repetition, goodputMbps };
  } catch (error) {
    return { ...way, repetition, error: (error as Error).message.trim() };
  } finally {
    await bed.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @returns SHA-256 of its public key, in base64: by that the browser knows it, QUIC included */
async function startCaddy(bed: Bed, folder: string): Promise<string> {
  const { cert: certificate, private: key } = await generate([{ name: 'commonName', value: NAME }], {
    keyType: 'ec',
  });
  const files = {
    big: Buffer.alloc(BYTES, 'x'),
    'page.html': PAGE,
    'certificate.pem': certificate,
    'key.pem': key,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const site = [
    ...[`bind ${bed.origin.address.v4}`, `tls ${folder}/certificate.pem ${folder}/key.pem`],
    ...[`root * ${folder}`, 'file_server'],
  ];
  const global = ['admin off', 'auto_https off', `default_sni ${NAME}`];
  const configuration = `{\n${global.join('\n')}\n}\nhttps://:${PORT} {\n${site.join('\n')}\n}\n`;
  await writeFile(join(folder, 'Caddyfile'), configuration);
  const caddy = bed.origin.spawn('caddy', ['run', '--config', join(folder, 'Caddyfile')], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH ?? '', HOME: folder },
  });
  await untilListening(caddy, PORT, 'Caddy');
  const publicKey = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(publicKey).digest('base64');
}

/** The pair, and for QUIC what leads the browser's datagrams into it. */
async function startOurs(bed: Bed, setup: TributarySetup, protocol: Way['protocol']): Promise<void> {
  const uplinks = bed.uplinks.map(({ name }) => ({ name, interface: name }));
  await startPair(bed, await setup.configured({ uplinks }), uplinks);
  if (protocol === 'h2') return;
  const args = [
    'forward',
    `socks:${SOCKS.port}`,
    bed.origin.address.v4,
    String(PORT),
    String(FORWARDED_PORT),
  ];
  const forwarder = bed.client.spawn(await compiled('datagrams'), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    forwarder.stdout!.once('data', () => resolve());
    forwarder.once('exit', () => reject(new Error('the forwarder ended')));
  });
}

/** @returns Mbit/s of the file */
async function download(bed: Bed, folder: string, keyHash: string, way: Way): Promise<number> {
  const { protocol } = way;
  const isThroughPair = isOurs(way);
  const origin = `${bed.origin.address.v4}:${PORT}`;
  const at = isThroughPair && protocol === 'h3' ? `127.0.0.1:${FORWARDED_PORT}` : origin;
  const proxy = isThroughPair && protocol === 'h2' ? `socks5://${SOCKS.host}:${SOCKS.port}` : undefined;
  const url = proxy ? `https://${origin}/page.html` : `https://${NAME}:${PORT}/page.html`;
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
    `--ignore-certificate-errors-spki-list=${keyHash}`,
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...[`--user-data-dir=${folder}/profile`, `--host-resolver-rules=MAP ${NAME}:${PORT} ${at}`],
    ...(protocol === 'h3'
      ? ['--enable-quic', `--origin-to-force-quic-on=${NAME}:${PORT}`]
      : ['--disable-quic']),
    ...(proxy ? [`--proxy-server=${proxy}`] : ['--no-proxy-server']),
    ...['--dump-dom', url],
  ];
  const dom = await bed.client.exec('chromium', args, { timeoutMs: BROWSER_LIMIT_MS });
  const found = /<p>(?<told>h\d) (?<bytes>\d+) (?<ms>[\d.]+)<\/p>/.exec(dom)?.groups;
  if (!found) throw new Error(`the page was not loaded: ${dom.slice(0, 300)}`);
  if (found.told !== protocol || Number(found.bytes) !== BYTES)
    throw new Error(`loaded ${found.bytes} bytes by ${found.told}`);
  return (BYTES * 8) / (Number(found.ms) * 1000);
}

/** The load event waits for a request that blocks. */
const PAGE = `<!DOCTYPE html><p></p><script>
const request = new XMLHttpRequest();
request.open('GET', 'big', false);
request.send();
const [{ nextHopProtocol, requestStart, responseEnd }] = performance.getEntriesByName(new URL('big', location).href);
document.querySelector('p').textContent = nextHopProtocol + ' ' + request.responseText.length + ' ' + (responseEnd - requestStart);
</script>
`;
