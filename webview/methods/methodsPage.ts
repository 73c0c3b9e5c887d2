import type { ComparisonAction } from '../../src/protocol/comparisonPanelApi.ts';
import type { Theme } from '../theme.ts';
import type { MethodsSelection } from './methodsState.ts';

/** What a part of the page may ask of the page around it. */
export interface MethodsPage {
  /** Changes what is looked at. */
  choose(chosen: Partial<MethodsSelection>): void;
  /** Asks the host to do something; what it says is announced, an error is shown. */
  act(action: ComparisonAction): void;
  /** Says something through the page's polite live region. */
  announce(text: string): void;
  /** The theme that holds now; another object after each change. */
  theme(): Theme;
}
