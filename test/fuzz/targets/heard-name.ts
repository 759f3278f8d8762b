import { type Heard, heardName } from '../../../client-proxy/transparent/heard-name.ts';
import { GREASE, hello, records, serverName } from '../../client-proxy/transparent/hello.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const HELLO = hello({ extensions: [GREASE, serverName('a.example'), GREASE] });

/** What a redirected connection begins with: what was heard stays so, however much more comes. */
export const heardNameTarget: FuzzTarget = {
  name: 'heard-name',
  maxBytes: 600,
  seeds: () => [
    records(HELLO),
    records(HELLO, 30),
    records(hello({})),
    Buffer.from('GET / HTTP/1.1\r\nAccept: */*\r\nHost: a.example:80\r\n\r\n'),
    Buffer.from('EHLO a.example\r\n'),
  ],
  run(input) {
    let before: Heard = 'more';
    for (let length = 0; length <= input.length; length++) {
      const heard = heardName(input.subarray(0, length));
      const isSame = JSON.stringify(heard) === JSON.stringify(before);
      promise(before === 'more' || isSame, `${JSON.stringify(before)}, then ${JSON.stringify(heard)}`);
      if (typeof heard === 'object') promise(heard.name === heard.name.toLowerCase(), 'a name in capitals');
      before = heard;
    }
  },
};
