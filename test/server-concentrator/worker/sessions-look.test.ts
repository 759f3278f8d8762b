import { deserialize, serialize } from 'node:v8';
import { expect, it } from 'vitest';
import { ClientLook, type LookedAtSession } from '../../../server-concentrator/page/client-look.ts';
import { makeView, type ViewSource } from '../../../server-concentrator/page/make-view.ts';
import { parsePageQuery } from '../../../server-concentrator/page/page-query.ts';
import {
  lookAtSessions,
  lookedAtSessions,
  type SessionsLook,
} from '../../../server-concentrator/worker/sessions-look.ts';
import { inventClients } from '../page/invented-clients.ts';
import { InventedConcentrator } from '../page/many-clients.ts';

/** The clock of another process shows another time. */
const AHEAD_MS = 987_654;

function viewOf(sessions: readonly LookedAtSession[], source: ViewSource, nowMs: number) {
  const look = new ClientLook();
  look.look(nowMs, sessions);
  return makeView(look, parsePageQuery(new URLSearchParams()), source.wallClock(), source);
}

it('is the same page in another process, whose clock shows another time', () => {
  const concentrator = new InventedConcentrator(inventClients(40, 1_000_000));
  concentrator.carry(1_000);
  const { source, nowMs } = concentrator;
  const look: SessionsLook = deserialize(serialize(lookAtSessions(source)));
  const thereMs = nowMs + AHEAD_MS;
  const there: ViewSource = {
    ...source,
    clock: () => thereMs,
    limitHits: {
      of: (client) =>
        look.limits
          .filter(({ clientId }) => clientId === client)
          .flatMap(({ hits }) => hits.map(({ ageMs, ...hit }) => ({ ...hit, lastMs: thereMs - ageMs }))),
    },
    flows: () => look.flows,
  };
  const view = viewOf(lookedAtSessions(look, thereMs), there, thereMs);
  expect(view).toEqual(viewOf(concentrator.sessions, source, nowMs));
  expect(view.rows.some(({ limits }) => limits.length > 0)).toBe(true);
  expect(look.usedBytes).toBe(source.memory.total.usedBytes);
});

it('has no sessions that have ended', () => {
  const { source } = new InventedConcentrator(inventClients(3, 1_000_000));
  const [first, ...others] = source.sessions();
  const ended = { ...first!, driver: { ...first!.driver, isClosed: true } };
  const { sessions } = lookAtSessions({ ...source, sessions: () => [ended, ...others] });
  expect(sessions.map(({ id }) => id)).toEqual(others.map(({ id }) => id));
});
