import { atLeast, type Check, exactly, noneBroken, shown } from '../check.ts';
import type { Absence, Scene } from '../scene.ts';
import type { UseCase } from '../use-case.ts';

const DRIVE_MS = 60_000;
/** All are back for the last bytes. */
const QUIET_FROM_MS = 54_000;
const ALL_GONE = { fromMs: 30_000, forMs: 3_000 };
const ECHO = { kind: 'echo', bytes: 200, everyMs: 250, count: 220 } as const;
/** A sixth of what the uplinks that are there could carry. */
const LEAST_MB = 25;
const UPLINKS = ['lte-a', 'lte-b', 'lte-c'];

/** A moving vehicle with three operators, each with holes in its coverage. */
export const fireEngine: UseCase = {
  name: 'fire-engine',
  title: 'three cellular uplinks that come and go',
  requirement: 'in 60 s of a download, an upload and an echo at once no byte is lost and nothing is reset',
  bed: {
    uplinks: [
      { name: 'lte-a', rateMbps: 12, rttMs: 60, queueMs: 200, lossPercent: 0.5 },
      { name: 'lte-b', rateMbps: 9, rttMs: 80, queueMs: 300, lossPercent: 1 },
      { name: 'lte-c', rateMbps: 5, rttMs: 110, queueMs: 400, lossPercent: 2 },
    ],
    congestionControl: 'cubic',
  },
  client: { uplinks: UPLINKS.map((name) => ({ name, interface: name })) },
  isUp: UPLINKS,
  drawn: ['down', 'up'],
  play,
};

/** A hole in the coverage of an uplink. */
interface Hole extends Absence {
  /** Without anything said, as in a tunnel; else the interface goes, and comes back with another address. */
  readonly isSilent: boolean;
}

async function play(scene: Scene): Promise<Check[]> {
  const holes = coverage();
  scene.absences.push(...holes);
  await scene.begin();
  for (const { uplink, fromMs, toMs, isSilent } of holes) {
    scene.at(fromMs, undefined, (bed) =>
      isSilent ? bed.uplink(uplink).blackhole() : bed.uplink(uplink).down(),
    );
    scene.at(toMs, undefined, async (bed) => {
      if (!isSilent) await bed.uplink(uplink).changeAddress();
      await bed.uplink(uplink).restore();
    });
  }
  scene.at(ALL_GONE.fromMs, 'all gone', async () => {});
  scene.at(ALL_GONE.fromMs + ALL_GONE.forMs, 'back', async () => {});
  const received = scene.received(DRIVE_MS);
  const [down, , echo] = await Promise.all([
    scene.job({ kind: 'bulk', direction: 'down', ms: DRIVE_MS }, DRIVE_MS),
    scene.job({ kind: 'bulk', direction: 'up', ms: DRIVE_MS }, DRIVE_MS),
    scene.job(ECHO, DRIVE_MS),
  ]);
  const up = await received;
  const outageMs = Math.max(0, ...(echo.timesMs ?? []));
  return [
    noneBroken('downloads', down.bulk),
    noneBroken('uploads', up),
    exactly('echoes lost', echo.failures ?? ECHO.count, 0),
    atLeast('downloaded', (down.bulk?.bytes ?? 0) / 1e6, LEAST_MB, 'MB'),
    atLeast('uploaded', up.bytes / 1e6, LEAST_MB, 'MB'),
    shown('times an uplink was lost', holes.length),
    shown('time without any uplink', timeWith(holes, 0) / 1000, 's'),
    shown('time with one', timeWith(holes, 1) / 1000, 's'),
    shown('time with two', timeWith(holes, 2) / 1000, 's'),
    shown('longest echo', outageMs, 'ms'),
  ];
}

/** Always the same drive: each is there for 3 to 10 s and gone for 1 to 5 s; once all are gone. */
function coverage(): Hole[] {
  const random = lehmer(2026);
  const holes: Hole[] = [];
  for (const uplink of UPLINKS) {
    for (let atMs = 2_000; ; ) {
      const fromMs = atMs + 3_000 + 7_000 * random();
      const toMs = fromMs + 1_000 + 4_000 * random();
      const isSilent = random() < 0.5;
      if (toMs > QUIET_FROM_MS) break;
      atMs = toMs;
      // The common hole stands by itself.
      if (fromMs < ALL_GONE.fromMs + ALL_GONE.forMs + 500 && toMs > ALL_GONE.fromMs - 500) continue;
      holes.push({ uplink, fromMs, toMs, isSilent });
    }
    const { fromMs, forMs } = ALL_GONE;
    holes.push({ uplink, fromMs, toMs: fromMs + forMs, isSilent: uplink !== 'lte-b' });
  }
  return holes;
}

function timeWith(holes: readonly Hole[], uplinks: number): number {
  const stepMs = 10;
  let ms = 0;
  for (let atMs = 0; atMs < DRIVE_MS; atMs += stepMs) {
    const gone = holes.filter(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs).length;
    if (UPLINKS.length - gone === uplinks) ms += stepMs;
  }
  return ms;
}

/** Numbers from 0 to 1 (Park and Miller 1988). */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
