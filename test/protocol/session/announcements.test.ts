import { describe, expect, it } from 'vitest';
import type { AnnouncedAddress } from '../../../shared/protocol/session/announcements.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../../shared/protocol/session/announcements.ts';
import { SessionBed } from './session-bed.ts';

const address = (last: number, joinHere = true): AnnouncedAddress => ({
  address: Uint8Array.of(10, 0, 0, last),
  port: 8443,
  joinHere,
});

/** What the client would be told now, ids and the last part of addresses. */
function told(bed: SessionBed): string[] {
  return bed.sentControl().flatMap((frame) => {
    if (frame.type === 'addressAdd') return [`add ${frame.addressId}: ${frame.address[3]}`];
    return frame.type === 'addressRemove' ? [`remove ${frame.addressId}`] : [];
  });
}

describe('the addresses that a concentrator announces', () => {
  it('are told once, and what changes', () => {
    const bed = new SessionBed('concentrator');
    bed.session.announce([address(1), address(2)]);
    expect(told(bed)).toEqual(['add 1: 1', 'add 2: 2']);
    bed.session.announce([address(2), address(1)]);
    expect(told(bed)).toEqual([]);
    bed.session.announce([address(2), address(3)]);
    expect(told(bed)).toEqual(['remove 1', 'add 3: 3']);
  });

  it('have an id of their own when they come back, so that old copies are known for what they are', () => {
    const bed = new SessionBed('concentrator');
    bed.session.announce([address(1)]);
    bed.session.announce([]);
    bed.session.announce([address(1)]);
    // The first was withdrawn before it had left.
    expect(told(bed)).toEqual(['remove 1', 'add 2: 1']);
  });

  it('are bounded, and so are their ids', () => {
    const bed = new SessionBed('concentrator');
    bed.session.announce(Array.from({ length: 20 }, (_, i) => address(i)));
    expect(told(bed)).toHaveLength(MAX_ANNOUNCED_ADDRESSES);
    for (let i = 0; i < 300; i++) {
      bed.session.announce([address(i % 250)]);
      told(bed);
    }
    bed.session.announce([address(251)]);
    expect(told(bed).filter((line) => line.startsWith('add'))).toEqual([]);
  });

  it('tell the client where further subflows may go', () => {
    const bed = new SessionBed('client');
    const frame = { type: 'addressAdd', addressId: 3, ...address(9, false) } as const;
    bed.control(frame);
    bed.control({ type: 'addressRemove', addressId: 3 });
    expect(bed.events()).toMatchObject([
      { type: 'address-added', addressId: 3, port: 8443, joinHere: false },
      { type: 'address-removed', addressId: 3 },
    ]);
  });
});
