import { expect, it } from 'vitest';
import { lookAtPort } from '../../../server-concentrator/doctor/case/look-at-port.ts';
import { AddressRanges } from '../../../shared/runtime/address/address-ranges.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { start } from '../concentrator-bed.ts';

it.each([[[]], [['127.0.0.0/8']], [['10.0.0.0/8']]])(
  'finds the concentrator behind these balancers: %j',
  async (balancers) => {
    const { port } = await start(['laptop'], {}, { balancers });
    const look = await lookAtPort({ host: '127.0.0.1', port }, new AddressRanges(balancers));
    expect(look).toEqual({ kind: 'tls', pin: certificatePin(identity.certificate).text });
  },
);
