import type { Logger } from 'pino';
import { LineLimit } from '../../shared/runtime/observe/line-limit.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { ServiceDialer, type ServiceDialerOptions } from './service-dialer.ts';

/** What the publisher of a program is made of. */
export interface PublisherParts extends ServiceDialerOptions, Omit<PublisherOptions, 'dialer' | 'logger'> {
  readonly logger: Logger;
}

/** Makes the publisher, with a dialer for its services. What visitors cause is logged under a limit. */
export function makePublisher(parts: PublisherParts): Publisher {
  const logger = new LineLimit(parts.clock).over(parts.logger);
  return new Publisher({ ...parts, dialer: new ServiceDialer(parts), logger });
}
