import * as z from 'zod';
import { isHostName } from '../../shared/runtime/address/host-port.ts';
import { didYouMean } from '../../shared/runtime/config/did-you-mean.ts';
import { clientId, clientKey, hostPort, text, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { MAX_LINKS, MAX_PINS } from '../../shared/runtime/identity/link.ts';
import { PIN_FORMAT, readPin } from '../../shared/runtime/identity/read-pin.ts';
import type { PublishedService } from '../publish/published-service.ts';
import type { SteeringConfig } from '../steering/steering-rule.ts';
import { concentratorName } from './policy-schema.ts';
import { refuseRepeated } from './refuse-repeated.ts';

const pin = textAs(PIN_FORMAT, readPin);
const pins = z
  .union([pin, z.array(pin).min(1).max(MAX_PINS)], {
    error: `expected ${PIN_FORMAT}; or a list of two while the certificate changes`,
  })
  .transform((value) => (Array.isArray(value) ? value : [value]));

const concentratorKeys = {
  addresses: z.array(hostPort).min(1).max(16),
  pin: pins,
  serverName: textAs('a host name', (value) => (isHostName(value) ? value : undefined)).optional(),
};

/** `concentrator`: the only one. */
export const concentrator = z.strictObject(concentratorKeys);

const keys = { key: clientKey.optional(), keyFile: text.optional() };

/** `client`: who this client is, to all concentrators that say nothing else. */
export const client = z.strictObject({ id: clientId, ...keys }).superRefine(({ key, keyFile }, context) => {
  if ((key === undefined) !== (keyFile === undefined)) return;
  const message = 'give the client either its key or a keyFile that holds it';
  context.addIssue({ code: 'custom', message });
});

const named = z
  .strictObject({ name: concentratorName, ...concentratorKeys, id: clientId.optional(), ...keys })
  .superRefine(({ key, keyFile }, context) => {
    if (key === undefined || keyFile === undefined) return;
    context.addIssue({ code: 'custom', path: ['keyFile'], message: 'stands beside a key: take one out' });
  });
type NamedConcentrator = z.output<typeof named>;

/** `concentrators`: several, in the order of preference. */
export const concentrators = z
  .array(named)
  .min(1)
  .max(MAX_LINKS)
  .superRefine((all, context) => {
    refuseRepeated(all, context, [], 'a concentrator of this name stands above');
  });

/** Whether each of them says who this client is to it. */
export function hasOwnClients(all: readonly NamedConcentrator[] = []): boolean {
  return (
    all.length > 0 && all.every(({ id, key, keyFile }) => id !== undefined && (key ?? keyFile) !== undefined)
  );
}

/** Names of concentrators in other sections that none has. */
export function concentratorMistakes({
  concentrators: all = [],
  steering,
  publish,
}: {
  readonly concentrators?: readonly NamedConcentrator[] | undefined;
  readonly steering: SteeringConfig;
  readonly publish: readonly PublishedService[];
}): { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const known = all.map(({ name }) => name);
  const used = [
    ...steering.rules.flatMap(({ action }, index) => {
      const wish = action.kind === 'steer' ? action.concentrator : undefined;
      return wish === undefined
        ? []
        : [{ name: wish.name, path: ['steering', 'rules', index, 'concentrator'] }];
    }),
    ...publish.flatMap(({ concentrators: names = [] }, index) =>
      names.map((name) => ({ name, path: ['publish', index, 'concentrators'] })),
    ),
  ];
  return used
    .filter(({ name }) => !known.includes(name))
    .map(({ name, path }) => ({
      path,
      message:
        known.length === 0
          ? `no concentrator is called "${name}": name them, under "concentrators"`
          : `no concentrator is called "${name}": ${didYouMean(name, known, 'there are')}`,
    }));
}
