import { basename } from 'node:path';
import * as vscode from 'vscode';
import { modelName, type RunEntry } from './runEntry.ts';

/** What the perplexities of a run are taken on. Those of runs with another key do not compare. */
export interface JudgedOn {
  readonly key: string;
  /** For people: model, text and context. */
  readonly label: string;
}

/** The model, the held-out text and the window that a run's perplexities belong to. */
export function judgedOn(run: RunEntry): JudgedOn {
  const { config, hashes } = run.manifest;
  const { text, heldout, evaluation } = config as {
    readonly text?: unknown;
    readonly heldout?: unknown;
    readonly evaluation?: { readonly context?: unknown; readonly maxWindows?: unknown };
  };
  const isHeldOut = typeof heldout === 'string';
  const named = isHeldOut ? heldout : text;
  const words = typeof named === 'string' ? basename(named) : '?';
  const context = evaluation?.context ?? null;
  const facts = [
    hashes['model'] ?? config['model'],
    isHeldOut ? (hashes['heldout'] ?? heldout) : ['tail', hashes['text'] ?? text],
    context,
    evaluation?.maxWindows ?? null,
  ];
  const tokens = typeof context === 'number' ? vscode.l10n.t('{0} tokens', context) : '';
  return {
    key: JSON.stringify(facts),
    label: [modelName(run), words, tokens].filter((part) => part !== '').join(' · '),
  };
}
