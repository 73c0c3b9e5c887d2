import type { Endpoint } from '../src/protocol/postMessageConnection.ts';
import { createHostClient, type HostClient } from './hostClient.ts';

/** The host at the other end of the page. */
export interface Bridge {
  readonly host: HostClient;
  /** What was stored before the page was last left. */
  stored(): unknown;
  store(state: unknown): void;
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** Connects to the host. To be called once: a page may acquire its door only once. */
export function connectToHost(): Bridge {
  const api = acquireVsCodeApi();
  const endpoint: Endpoint = {
    post: (message) => {
      api.postMessage(message);
    },
    onMessage: (listener) => {
      const listen = (event: MessageEvent): void => {
        listener(event.data);
      };
      window.addEventListener('message', listen);
      return () => {
        window.removeEventListener('message', listen);
      };
    },
  };
  return {
    host: createHostClient(endpoint),
    stored: () => api.getState(),
    store: (state) => {
      api.setState(state);
    },
  };
}
