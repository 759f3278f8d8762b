import { ProtocolViolation } from './errors.ts';

/** Which end of a session this is. */
export type Role = 'client' | 'concentrator';

/** @throws ProtocolViolation where a frame comes from an end that SPEC.md section 3 does not name */
export function expectRole(role: Role, expected: Role, frame: string): void {
  if (role !== expected) throw new ProtocolViolation(`${frame} from the wrong end`);
}
