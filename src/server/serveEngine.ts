import { IPCMessageReader, IPCMessageWriter, createMessageConnection } from 'vscode-jsonrpc/node';
import { engineApi } from '../protocol/engineApi.ts';
import { notify, serve } from '../protocol/rpc.ts';
import { engineHandlers, type Pipeline } from './handlers.ts';

/**
 * Serves the engine to the process that forked this one, until that process goes away.
 * @param pipeline  loads the engine
 * @param version  version of the engine
 */
export function serveEngine(pipeline: () => Promise<Pipeline>, version: string): void {
  // Ctrl-C in a terminal reaches the whole process group; the host then cancels in good order.
  process.on('SIGINT', () => undefined);
  const connection = createMessageConnection(
    new IPCMessageReader(process),
    new IPCMessageWriter(process),
  );
  const handlers = engineHandlers(pipeline, version, (event) => {
    notify(connection, engineApi.runEvent, event);
  });
  serve(engineApi, connection, handlers);
  connection.listen();
  process.once('disconnect', () => {
    // Nobody is left to answer to. Disposing raises every signal, so a run stops at its next
    // block and closes its folder; then nothing keeps the process alive.
    connection.dispose();
    setTimeout(() => process.exit(0), LAST_WORDS_MS).unref();
  });
}

/** Time a cancelled run gets to close its folder when the host has gone, ms. */
const LAST_WORDS_MS = 30_000;
