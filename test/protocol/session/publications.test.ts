import { describe, expect, it } from 'vitest';
import { MAX_PUBLICATIONS } from '../../../shared/protocol/session/publications.ts';
import { publishedFrame, publishFrame, SessionBed } from './session-bed.ts';

const PLACE = { host: '*', port: 443, once: false };
const listening = { ok: true, host: '*', port: 443 } as const;

describe('a client', () => {
  it('asks for places, each in a slot of its own, and hears what became of them', () => {
    const bed = new SessionBed('client');
    const { publications } = bed.session;
    expect([publications.request(PLACE), publications.request({ ...PLACE, port: 80 })]).toEqual([
      { slot: 0, generation: 1 },
      { slot: 1, generation: 1 },
    ]);
    expect(bed.sentControl()).toEqual([publishFrame(0, 1), { ...publishFrame(1, 1), port: 80 }]);
    bed.control(publishedFrame(0, 1, 1));
    bed.control({ ...publishedFrame(1, 1, 2), ok: false, code: 0x20, text: 'no' } as never);
    expect(bed.events()).toEqual([
      { type: 'published', slot: 0, generation: 1, ...listening },
      { type: 'published', slot: 1, generation: 1, ok: false, error: 'notAuthorized', reason: 'no' },
    ]);
  });

  it('ignores answers that are repeated, late or about something else', () => {
    const bed = new SessionBed('client');
    const { publications } = bed.session;
    const first = publications.request(PLACE)!;
    bed.control(publishedFrame(0, 1, 5));
    bed.events();
    for (const [slot, generation, answer] of [
      [0, 1, 5],
      [0, 1, 4],
      [0, 2, 6],
      [1, 1, 6],
      [255, 1, 6],
    ] as const)
      bed.control(publishedFrame(slot, generation, answer));
    publications.withdraw(first);
    bed.control(publishedFrame(0, 1, 7));
    bed.control(publishedFrame(0, 2, 8));
    expect([bed.events(), bed.session.isClosed]).toEqual([[], false]);
  });

  it('uses a slot again, under the next generation, and says no more of the one before', () => {
    const bed = new SessionBed('client');
    const { publications } = bed.session;
    const first = publications.request(PLACE)!;
    publications.withdraw(first);
    publications.withdraw(first);
    expect(bed.sentControl()).toMatchObject([{ slot: 0, generation: 2, withdrawn: true }]);
    expect(publications.request(PLACE)).toEqual({ slot: 0, generation: 3 });
    expect(bed.sentControl()).toEqual([publishFrame(0, 3)]);
  });

  it(`has at most ${MAX_PUBLICATIONS}`, () => {
    const { publications } = new SessionBed('client').session;
    for (let i = 0; i < MAX_PUBLICATIONS; i++) expect(publications.request(PLACE)?.slot).toBe(i);
    expect(publications.request(PLACE)).toBeUndefined();
    publications.withdraw({ slot: 7, generation: 1 });
    expect(publications.request(PLACE)).toEqual({ slot: 7, generation: 3 });
  });
});

describe('a concentrator', () => {
  it('is asked once, whatever comes twice or late', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    for (const subflow of [0, 1]) bed.control(publishFrame(3, 1), subflow);
    expect(bed.events()).toEqual([{ type: 'publish-requested', slot: 3, generation: 1, ...PLACE }]);
    bed.control(publishFrame(3, 4));
    bed.control(publishFrame(3, 3, true));
    bed.control(publishFrame(3, 2));
    expect(bed.events()).toEqual([{ type: 'publish-requested', slot: 3, generation: 4, ...PLACE }]);
    bed.control(publishFrame(3, 5, true));
    bed.control(publishFrame(3, 5, true));
    expect(bed.events()).toEqual([{ type: 'publish-withdrawn', slot: 3 }]);
  });

  it('answers what is wanted still, and the newest answer alone', () => {
    const bed = new SessionBed('concentrator');
    bed.control(publishFrame(3, 1));
    const { publications } = bed.session;
    publications.answer({ slot: 3, generation: 1 }, listening);
    publications.answer({ slot: 3, generation: 2 }, listening);
    publications.answer({ slot: 4, generation: 1 }, listening);
    publications.answer(
      { slot: 3, generation: 1 },
      { ok: false, error: 'notAuthorized', reason: `${'é'.repeat(200)}` },
    );
    const [told, ...more] = bed.sentControl();
    expect(told).toMatchObject({
      type: 'published',
      slot: 3,
      generation: 1,
      answer: 2,
      ok: false,
      code: 0x20,
    });
    expect([(told as { text: string }).text, more]).toEqual(['é'.repeat(127), []]);
    bed.control(publishFrame(3, 2, true));
    publications.answer({ slot: 3, generation: 1 }, listening);
    publications.answer({ slot: 3, generation: 2 }, listening);
    expect(bed.sentControl()).toEqual([]);
  });

  it('keeps nothing for a client that publishes and publishes', () => {
    const bed = new SessionBed('concentrator');
    for (let i = 0; i < 20_000; i++) bed.control(publishFrame(i % 256, 1 + Math.floor(i / 256), i % 2 === 1));
    bed.events();
    expect([bed.session.isClosed, bed.budget.usedBytes]).toEqual([false, 0]);
  });
});
