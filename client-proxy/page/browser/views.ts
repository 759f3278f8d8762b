import type { View } from './base/shown.ts';
import { CONNECTIONS } from './views/connections.ts';
import { HISTORY } from './views/history.ts';
import { OVERVIEW } from './views/overview.ts';

/** In the order of the navigation; the first is shown at first. */
export const VIEWS: readonly [View, ...View[]] = [OVERVIEW, CONNECTIONS, HISTORY];
