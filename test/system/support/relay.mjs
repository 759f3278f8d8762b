/**
 * What a translator (NAT64) is for TCP: `node relay.mjs ADDRESS PORT TARGET` takes connections at the address and makes each of
 * them again to the target's same port. Prints `ready`.
 */
import { connect, createServer } from 'node:net';

const [address, port, target] = process.argv.slice(2);

createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host: target, port: Number(port), allowHalfOpen: true });
  near.pipe(far);
  far.pipe(near);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.on('error', () => other.destroy());
  }
}).listen(Number(port), address, () => process.stdout.write('ready\n'));
