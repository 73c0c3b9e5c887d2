// Gives the RPC library its timers.
import 'vscode-jsonrpc/node';
import {
  comparisonPanelApi,
  type ComparisonAction,
  type ComparisonContent,
} from '../../src/protocol/comparisonPanelApi.ts';
import { postMessageConnection, type Endpoint } from '../../src/protocol/postMessageConnection.ts';
import { notify, serve } from '../../src/protocol/rpc.ts';
import { comparedContent, comparedTable, COMPARED_ROWS } from '../fixtures/recordedComparison.ts';

/** The host's end of the page of a comparison, without an editor. */
export interface ComparisonSession {
  /** What buttons asked for, in order. */
  readonly acts: readonly ComparisonAction[];
  /** Tells all of it anew, as the extension does whenever something changed. */
  tell(content: ComparisonContent): void;
  /** One more row of a comparison that runs. @returns false when it does not, or has none left */
  next(): boolean;
  close(): void;
}

/** Serves the page of a comparison. Buttons do nothing but are remembered. */
export function openComparison(endpoint: Endpoint, content: ComparisonContent): ComparisonSession {
  const connection = postMessageConnection(endpoint);
  const acts: ComparisonAction[] = [];
  let current = content;
  const tell = (next: ComparisonContent): void => {
    current = next;
    notify(connection, comparisonPanelApi.comparison, next);
  };
  serve(comparisonPanelApi, connection, {
    openComparison: () => current,
    actOnComparison: ({ action }) => {
      acts.push(action);
      return { said: `${action} was asked for` };
    },
  });
  connection.listen();
  return {
    acts,
    tell,
    next: () => {
      const done = current.table?.rows.length ?? 0;
      if (current.job !== 'running' || done >= COMPARED_ROWS.length) return false;
      const ends = done + 1 === COMPARED_ROWS.length;
      const etaMs = ends ? null : 12_000 * (COMPARED_ROWS.length - done - 1);
      tell(
        comparedContent(comparedTable(done + 1, ends ? 'finished' : 'running'), {
          ...{ job: ends ? 'none' : 'running', etaMs },
        }),
      );
      return true;
    },
    close: () => {
      connection.dispose();
    },
  };
}
