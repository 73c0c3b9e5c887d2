// Gives the RPC library its timers, which a page needs before any service is spoken to.
import 'vscode-jsonrpc/node';
import * as vscode from 'vscode';
import type { MessageConnection } from 'vscode-jsonrpc';
import { checkedHandlers } from '../../protocol/checkedHandlers.ts';
import { EngineError } from '../../protocol/errors.ts';
import { PANEL_PROTOCOL } from '../../protocol/panelApi.ts';
import { postMessageConnection, type Endpoint } from '../../protocol/postMessageConnection.ts';
import { serve, type Handlers } from '../../protocol/rpc.ts';

type Api = Parameters<typeof serve>[0];

/** Answers what a page asks; what it sends that is no message is dropped and noted. */
export function connectPage<A extends Api>(
  endpoint: Endpoint,
  api: A,
  handlers: Handlers<A>,
  log: vscode.LogOutputChannel,
): MessageConnection {
  const connection = postMessageConnection(endpoint, (stray) => {
    log.warn(`A dashboard sent what is no message: ${typeof stray}`);
  });
  serve(api, connection, handlers);
  connection.onError(([error]) => log.warn(`Dashboard: ${error.message}`));
  connection.listen();
  return connection;
}

/** Handlers that trust nothing the page sends until it has passed its schema. */
export function checked<H extends object>(
  handlers: H,
  schemas: Parameters<typeof checkedHandlers>[1],
  log: vscode.LogOutputChannel,
): H {
  return checkedHandlers(handlers, schemas, (name) => {
    log.warn(`A dashboard sent a malformed "${name}".`);
  });
}

/** @throws EngineError `decode` for a page of another version of the extension */
export function expectProtocol(protocol: number): void {
  if (protocol === PANEL_PROTOCOL) return;
  throw new EngineError('decode', {
    what: vscode.l10n.t('This dashboard'),
    expected: vscode.l10n.t('protocol {0}', PANEL_PROTOCOL),
    found: vscode.l10n.t('protocol {0}, of another version of the extension', protocol),
    action: vscode.l10n.t('Close the dashboard and open it again.'),
    sentence: vscode.l10n.t(
      'This dashboard belongs to another version of the extension (protocol {0} instead of {1}).',
      protocol,
      PANEL_PROTOCOL,
    ),
  });
}
