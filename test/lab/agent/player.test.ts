import { expect, test } from 'vitest';
import { Player } from './player.ts';

test('starts with a full buffer and tells its lowest level', () => {
  const player = new Player(1_000);
  player.add(600, 100);
  expect(player.playback).toBeUndefined();
  player.add(400, 500);
  // 700 of 1000 played.
  player.add(500, 1_200);
  player.add(500, 1_400);
  expect(player.playback).toEqual({ leastBufferMs: 300, stalls: 0, stalledMs: 0 });
});

test('stands still while there is nothing to play, and goes on from there', () => {
  const player = new Player(1_000);
  player.add(1_000, 0);
  player.add(100, 1_400);
  expect(player.playback).toEqual({ leastBufferMs: 0, stalls: 1, stalledMs: 400 });
  player.add(100, 1_450);
  expect(player.playback).toEqual({ leastBufferMs: 0, stalls: 1, stalledMs: 400 });
  player.add(100, 1_700);
  expect(player.playback).toEqual({ leastBufferMs: 0, stalls: 2, stalledMs: 500 });
});
