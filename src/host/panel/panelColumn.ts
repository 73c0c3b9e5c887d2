import * as vscode from 'vscode';

/**
 * The editor column of dashboards and comparisons: they share one, so that opening many of them
 * splits the window once.
 */
export class PanelColumn {
  private readonly panels = new Set<vscode.WebviewPanel>();

  /** Counts a panel in while it is open. */
  track(panel: vscode.WebviewPanel): void {
    this.panels.add(panel);
    panel.onDidDispose(() => this.panels.delete(panel));
  }

  /**
   * Where the next page goes: into the column of the open ones, else beside the file in front, into
   * a column that is there already if possible.
   */
  next(): vscode.ViewColumn {
    const open = [...this.panels];
    const last =
      open.find(({ active }) => active) ?? open.find(({ visible }) => visible) ?? open[0];
    return last?.viewColumn ?? columnBeside();
  }
}

/** A column beside the active one: one that is there, or a new one. The active one when it is empty. */
export function columnBeside(): vscode.ViewColumn {
  const { all, activeTabGroup } = vscode.window.tabGroups;
  if (all.every(({ tabs }) => tabs.length === 0)) return vscode.ViewColumn.Active;
  const others = all.filter((group) => group !== activeTabGroup);
  const after = others.find(({ viewColumn }) => viewColumn > activeTabGroup.viewColumn);
  return (after ?? others.at(-1))?.viewColumn ?? vscode.ViewColumn.Beside;
}
