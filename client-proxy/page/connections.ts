import * as z from 'zod';
import { ActionError, type PageAction, pageAction } from '../../shared/runtime/page/page-actions.ts';
import type { PageData } from '../../shared/runtime/page/web-page.ts';
import { CONNECTION_ORDERS, type ConnectionTable, MAX_ROWS } from '../connections/connection-table.ts';

/** What the page's list of connections is read from. */
export interface PageConnections {
  readonly connections: Pick<ConnectionTable, 'report' | 'close'>;
}

/** Of a filter: a long name, and words beside it. */
const MAX_FILTER_LENGTH = 300;

const query = z.object({
  order: z.enum(CONNECTION_ORDERS).catch('rate'),
  reversed: z.literal('1').optional().catch(undefined),
  filter: z.string().max(MAX_FILTER_LENGTH).catch(''),
  limit: z.coerce.number().int().min(1).max(MAX_ROWS).catch(100),
});

/** The connections that are open, as the view asks for them: `order`, `reversed`, `filter`, `limit`. */
export function connectionsData(connections: PageConnections['connections']): PageData {
  return (asked) => {
    const { reversed, ...rest } = query.parse(Object.fromEntries(asked));
    return connections.report({ ...rest, isReversed: reversed !== undefined });
  };
}

/** Closes one of them. */
export function closeConnection(connections: PageConnections['connections']): PageAction {
  return pageAction(z.strictObject({ id: z.number() }), ({ id }) => {
    if (!connections.close(id)) throw new ActionError('this connection is closed already');
    return {};
  });
}
