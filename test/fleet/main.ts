import { runFleet } from './fleet.ts';
import { FLEET_SCENARIOS } from './scenarios.ts';

const n = Number(process.argv[2]);
const m = Number(process.argv[3]);
for (const s of FLEET_SCENARIOS.filter(({ name }) => !process.argv[4] || name === process.argv[4])) {
  const t = performance.now();
  const { looks, ...r } = await runFleet(
    {
      clients: n,
      machines: m,
      cores: 1,
      handshakeMs: 1.2,
      handshakesPerSecond: 400,
      jitter: true,
      seed: 1,
      seconds: 60,
    },
    s,
    () => {},
  );
  console.log(
    JSON.stringify(r),
    ((performance.now() - t) / 1000).toFixed(1),
    's',
    Math.round(process.memoryUsage().rss / 1e6),
    'MB',
  );
}
