import * as z from 'zod';
import { textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { EGRESS_RULE_FORMAT, parseEgressRule } from './egress-rule.ts';

/** At most `max` rules that refuse origins, or name those that alone may be reached. */
export function egressRules(max: number) {
  return z.array(textAs(EGRESS_RULE_FORMAT, parseEgressRule)).max(max);
}

/** At most `max` rules that open addresses. Whoever controls a name's DNS records chooses the address, so a name opens no special one, and all others are open. */
export function openingRules(max: number) {
  return egressRules(max).superRefine((list, context) => {
    for (const [index, { target }] of list.entries()) {
      if (target.kind === 'cidr') continue;
      const message =
        'opens nothing: public addresses are allowed anyway, and special ones only by network or address, ' +
        'for example "10.0.0.0/8"';
      context.addIssue({ code: 'custom', path: [index], message });
    }
  });
}
