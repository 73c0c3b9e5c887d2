// Gives the RPC library its timers, which a page needs before any service is spoken to.
import 'vscode-jsonrpc/node';
import * as vscode from 'vscode';
import type { MessageConnection } from 'vscode-jsonrpc';
import { decodeValue } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import { PANEL_PROTOCOL } from '../../protocol/panelApi.ts';
import { postMessageConnection, type Endpoint } from '../../protocol/postMessageConnection.ts';
import { serve, type Handlers } from '../../protocol/rpc.ts';

type Schema = Parameters<typeof decodeValue>[0];
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

/** Handlers that are asked only with what passes the schema of the request, and throw `decode` else. */
export function checked<H extends object>(
  handlers: H,
  schemas: Readonly<Record<string, Schema>>,
  log: vscode.LogOutputChannel,
): H {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const ask = handler as (params: unknown, context: unknown) => unknown;
    return [
      name,
      (params: unknown, context: unknown): unknown => {
        try {
          decodeValue(schemas[name]!, params, `Message "${name}"`);
        } catch (error) {
          log.warn(`A dashboard sent a malformed "${name}".`);
          throw error;
        }
        return ask(params, context);
      },
    ];
  });
  return Object.fromEntries(guarded) as H;
}

/** @throws EngineError `decode` for a page of another version of the extension */
export function expectProtocol(protocol: number): void {
  if (protocol === PANEL_PROTOCOL) return;
  throw new EngineError('decode', {
    what: vscode.l10n.t('This dashboard'),
    expected: vscode.l10n.t('protocol {0}', PANEL_PROTOCOL),
    found: vscode.l10n.t('protocol {0}, of another version of the extension', protocol),
    action: vscode.l10n.t('Close the dashboard and open it again.'),
  });
}
