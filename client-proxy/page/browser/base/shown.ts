import type { html } from '../../../../shared/page-browser/lib/htm-preact.js';
import type { Samples } from '../../../../shared/page-browser/samples.ts';
import type { ConcentratorChange } from '../../history/concentrator-changes.ts';
import type { StateChange } from '../../history/state-changes.ts';
import type { PageView } from '../../page-view.ts';

/** What the client has told the page until now. */
export interface Shown {
  readonly view: PageView | undefined;
  readonly changes: readonly StateChange[];
  readonly concentratorChanges: readonly ConcentratorChange[];
  readonly samples: Samples;
  /** Whether the client tells of each second. */
  readonly isLive: boolean;
}

/** The same once there is something to show. */
export interface ShownView extends Shown {
  readonly view: PageView;
}

/** One of the page's views. What only it needs it asks for by itself (`useData`). */
export interface View {
  /** In the address, behind `#`. */
  readonly id: string;
  readonly title: string;
  readonly Show: (shown: ShownView) => ReturnType<typeof html>;
}
