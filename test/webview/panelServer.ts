import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import type { Endpoint } from '../../src/protocol/postMessageConnection.ts';
import type { ThemeName } from '../vscode/workbench.ts';
import { COMPARISONS } from '../fixtures/recordedComparison.ts';
import { openComparison, type ComparisonSession } from './comparisonSession.ts';
import { indexPage, panelPage, windowPage } from './panelPages.ts';
import {
  openSession,
  type PanelRun,
  type PanelSession,
  type PanelSettings,
} from './panelSession.ts';
import { pageThemes, themeNames } from './themes.ts';
import { encodeMessage } from './wireBytes.ts';

/** Where the runs of panels come from. */
export interface PanelRuns {
  /** What a person can choose from. */
  readonly list: readonly { readonly name: string; readonly words: string }[];
  /** The run of a name; may make it first. @throws Error  when there is none of that name */
  find(name: string): PanelRun;
}

/** A panel to open. */
export interface PanelOptions {
  /** Names of runs: one is a dashboard, several are a comparison. */
  readonly runs: readonly string[];
  /** Name of a comparison of methods, which is shown instead of runs. */
  readonly methods?: string;
  readonly theme: ThemeName;
  readonly settings?: Partial<PanelSettings>;
}

/** A web server of panels on 127.0.0.1. */
export interface PanelServer {
  readonly url: string;
  /** Address of a panel that nobody has opened yet, and the host's end of it. */
  open(options: PanelOptions): {
    readonly url: string;
    readonly session: () => PanelSession;
    /** Of a panel that shows a comparison of methods. */
    readonly comparison: () => ComparisonSession;
  };
  /** Comparisons of methods that somebody looks at now. */
  readonly comparisons: ReadonlySet<ComparisonSession>;
  close(): Promise<void>;
}

interface Open {
  readonly options: PanelOptions;
  session: PanelSession | null;
  comparison: ComparisonSession | null;
  receive: (message: unknown) => void;
}

const DIST = new URL('../../dist/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.ttf': 'font/ttf',
  '.map': 'application/json',
};
const SETTINGS: PanelSettings = { palette: 'cividis', canRun: true, whyNot: '', select: null };
/** No message of a page is near it. */
const MOST_BYTES = 1 << 20;

/**
 * Serves the built webview, each panel with its own end of the host.
 * @param port  0 takes a free one
 */
export async function startPanelServer(runs: PanelRuns, port = 0): Promise<PanelServer> {
  const panels = new Map<string, Open>();
  const streams = new Set<ServerResponse>();
  const comparisons = new Set<ComparisonSession>();
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      const text = (error instanceof Error ? error.stack : undefined) ?? String(error);
      console.error(`The panel server failed at ${request.url}:\n${text}`);
      response.statusCode = 500;
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  const url = `http://127.0.0.1:${own}`;
  // Another site than that of the window, so that a panel has a process of its own as in VS Code.
  const frames = `http://localhost:${own}`;

  const remember = (options: PanelOptions): string => {
    const id = randomUUID();
    panels.set(id, { options, session: null, comparison: null, receive: () => undefined });
    return id;
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const panel = panels.get(searchParams.get('session') ?? '');
    if (pathname === '/') {
      return html(response, indexPage(runs.list, [...COMPARISONS.keys()], themeNames));
    }
    if (pathname.startsWith('/dist/')) return file(response, pathname.slice('/dist/'.length));
    if (pathname === '/open') {
      const names = (searchParams.get('runs') ?? '').split(',');
      const methods = searchParams.get('methods');
      const theme = (searchParams.get('theme') ?? 'dark') as ThemeName;
      const id = remember({ runs: names, theme, ...(methods === null ? {} : { methods }) });
      return html(
        response,
        windowPage(frameOf(id), id, pageThemes, barOf(methods ?? names.join(', '))),
      );
    }
    if (panel === undefined) return notFound(response);
    const id = searchParams.get('session')!;
    if (pathname === '/window') return html(response, windowPage(frameOf(id), id, pageThemes, ''));
    if (pathname === '/events') return listen(panel, response);
    if (pathname === '/message') {
      panel.receive(JSON.parse(await bodyOf(request)));
      response.statusCode = 204;
      return void response.end();
    }
    if (pathname === '/panel') return html(response, pageOf(panel.options));
    notFound(response);
  }

  const frameOf = (id: string): string => `${frames}/panel?session=${id}`;

  function pageOf({ runs: names, methods, theme }: PanelOptions): string {
    return panelPage({
      origin: frames,
      nonce: randomBytes(24).toString('base64'),
      view: methods !== undefined ? 'methods' : names.length > 1 ? 'compare' : 'run',
      theme: pageThemes[theme],
      stateKey: methods ?? names.join(','),
    });
  }

  /** Makes the host's end of a panel, which lives as long as its stream. */
  function listen(panel: Open, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    streams.add(response);
    const endpoint: Endpoint = {
      post: (message) => void response.write(`data: ${encodeMessage(message)}\n\n`),
      onMessage: (listener) => {
        panel.receive = listener;
        return () => {
          panel.receive = () => undefined;
        };
      },
    };
    const { methods } = panel.options;
    if (methods !== undefined) {
      const content = COMPARISONS.get(methods);
      if (content === undefined) throw new Error(`no recorded comparison is called ${methods}`);
      const comparison = openComparison(endpoint, content);
      panel.comparison = comparison;
      comparisons.add(comparison);
      response.on('close', () => {
        streams.delete(response);
        comparisons.delete(comparison);
        comparison.close();
      });
      return;
    }
    const folders = panel.options.runs.map((name) => runs.find(name));
    const session = openSession(endpoint, folders, { ...SETTINGS, ...panel.options.settings });
    panel.session = session;
    response.on('close', () => {
      streams.delete(response);
      session.close();
    });
  }

  return {
    url,
    comparisons,
    open: (options) => {
      const id = remember(options);
      return {
        url: `${url}/window?session=${id}`,
        session: () => {
          const session = panels.get(id)?.session ?? null;
          if (session === null) throw new Error('nobody has opened this panel yet');
          return session;
        },
        comparison: () => {
          const comparison = panels.get(id)?.comparison ?? null;
          if (comparison === null) throw new Error('nobody has opened this comparison yet');
          return comparison;
        },
      };
    },
    close: () => {
      for (const stream of streams) stream.end();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function barOf(name: string): string {
  const links = themeNames.map((theme) => `<a href="javascript:setTheme('${theme}')">${theme}</a>`);
  return `<nav><a href="/">all panels</a> <b>${name}</b> ${links.join(' ')}</nav>`;
}

function html(response: ServerResponse, text: string): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(text);
}

async function file(response: ServerResponse, name: string): Promise<void> {
  const type = TYPES[extname(name)];
  // Pieces that are read later lie in a folder of their own.
  if (type === undefined || !/^(page\/)?[\w.-]+$/.test(name)) return notFound(response);
  const headers = {
    'content-type': type,
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
  };
  const bytes = await readFile(new URL(name, DIST));
  response.writeHead(200, headers);
  response.end(bytes);
}

function notFound(response: ServerResponse): void {
  response.statusCode = 404;
  response.end('There is no such page.');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > MOST_BYTES) throw new Error('a message of more than 1 MiB');
  }
  return text;
}
