/* eslint-disable @typescript-eslint/explicit-module-boundary-types -- the real types are those of the editor */
import { Disposable, EventEmitter, type Listener } from './vscodeValues.ts';

/** A tree view that a test can read as text. */
export class TestTree {
  readonly onDidChangeVisibility = (): Disposable => new Disposable(() => undefined);
  readonly onDidChangeSelection = this.onDidChangeVisibility;
  badge: { readonly value: number } | undefined;
  message = '';
  /** Elements of each change that was announced; `all` for the whole tree. */
  readonly changes: (string[] | 'all')[] = [];
  private readonly provider: Provider;

  constructor(provider: object) {
    this.provider = provider as Provider;
    this.provider.onDidChangeTreeData((nodes) => {
      this.changes.push(nodes === undefined ? 'all' : nodes.map(({ id }) => id));
    });
  }

  /** All rows, opened, as `label | description`, indented by depth. */
  rows(node?: Node, depth = 0): string[] {
    return this.provider.getChildren(node).flatMap((child) => {
      if (this.provider.getParent(child) !== node) throw new Error(`parent of ${child.id}`);
      const { label, description } = this.provider.getTreeItem(child);
      return [`${'  '.repeat(depth)}${label} | ${description}`, ...this.rows(child, depth + 1)];
    });
  }

  /** Items of the first rows. */
  items(): Item[] {
    return this.provider.getChildren().map((node) => this.provider.getTreeItem(node));
  }

  /** The item of the row of a label. */
  item(label: string): Item | undefined {
    const node = this.node(label);
    return node === undefined ? undefined : this.provider.getTreeItem(node);
  }

  /** The row of a label, as a command is given it. */
  node(label: string, below?: Node): Node | undefined {
    for (const child of this.provider.getChildren(below)) {
      if (this.provider.getTreeItem(child).label === label) return child;
      const found = this.node(label, child);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  reveal(): Promise<void> {
    return Promise.resolve();
  }
  dispose(): void {
    // Nothing is held.
  }
}

interface Node {
  readonly id: string;
}
interface Item {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly contextValue: string;
  readonly iconPath: { readonly id: string };
  readonly accessibilityInformation: { readonly label: string };
  readonly command?: { readonly command: string; readonly arguments: readonly unknown[] };
}
interface Provider {
  getChildren(node?: Node): Node[];
  getParent(node: Node): Node | undefined;
  getTreeItem(node: Node): Item;
  readonly onDidChangeTreeData: (listener: Listener<Node[] | undefined>) => unknown;
}

/** The columns of editors, each with its number of tabs. */
export class TestColumns {
  all: { readonly viewColumn: number; readonly tabs: unknown[] }[] = [{ viewColumn: 1, tabs: [] }];
  activeTabGroup = this.all[0]!;

  /** Opens a tab as the editor does. @param wanted  a column, -1 for the active one, -2 for beside */
  open(wanted = -1): number {
    const { viewColumn: active } = this.activeTabGroup;
    const column = wanted === -1 ? active : wanted === -2 ? active + 1 : wanted;
    const known = this.all.find(({ viewColumn }) => viewColumn === column);
    const group = known ?? { viewColumn: column, tabs: [] };
    if (known === undefined) this.all.push(group);
    group.tabs.push({});
    this.activeTabGroup = group;
    return column;
  }
}

/** A webview panel whose page is the test. */
export class TestPanel {
  visible = true;
  active = true;
  disposed = false;
  reveals = 0;
  iconPath: unknown;
  readonly posted: unknown[] = [];
  private readonly received = new EventEmitter<unknown>();
  private readonly ended = new EventEmitter<undefined>();
  private readonly viewed = new EventEmitter<undefined>();
  /** Called with each message of the host. */
  onPost: (message: unknown) => void = () => undefined;
  readonly onDidDispose = this.ended.event;
  readonly onDidChangeViewState = this.viewed.event;
  readonly webview = {
    html: '',
    options: {} as { readonly localResourceRoots?: readonly { readonly path: string }[] },
    cspSource: 'https://panel.test',
    asWebviewUri: (uri: { readonly path: string }) => `https://panel.test${uri.path}`,
    onDidReceiveMessage: this.received.event,
    postMessage: (message: unknown) => {
      this.posted.push(message);
      this.onPost(message);
      return Promise.resolve(true);
    },
  };

  constructor(
    readonly viewType: string,
    public title: string,
    public viewColumn = 1,
  ) {}

  /** What the page sends. */
  send(message: unknown): void {
    this.received.fire(message);
  }

  show(visible: boolean): void {
    this.visible = visible;
    this.viewed.fire(undefined);
  }

  reveal(): void {
    this.reveals++;
  }

  dispose(): void {
    this.disposed = true;
    this.ended.fire(undefined);
  }
}

/** A quick pick or input box that answers itself from a list: a label, a text, or Escape. */
export class TestPick {
  items: readonly { readonly label: string }[] = [];
  selectedItems: readonly { readonly label: string }[] = [];
  value = '';
  validationMessage: string | undefined;
  private readonly answers: (string | readonly string[] | undefined)[];
  private readonly accepted = new EventEmitter<undefined>();
  private readonly hidden = new EventEmitter<undefined>();
  private readonly changed = new EventEmitter<string>();
  readonly onDidAccept = this.accepted.event;
  readonly onDidHide = this.hidden.event;
  readonly onDidChangeValue = this.changed.event;
  readonly onDidTriggerButton = (): Disposable => new Disposable(() => undefined);

  constructor(answers: (string | readonly string[] | undefined)[]) {
    this.answers = answers;
  }

  show(): void {
    setImmediate(() => {
      const answer = this.answers.shift();
      if (typeof answer !== 'string') {
        this.hide();
        return;
      }
      this.value = answer;
      this.changed.fire(answer);
      this.selectedItems = this.items.filter(({ label }) => label.includes(answer)).slice(0, 1);
      this.accepted.fire(undefined);
    });
  }

  hide(): void {
    this.hidden.fire(undefined);
  }
  dispose(): void {
    // Nothing is held.
  }
}

/** What an extension remembers. */
export class TestMemento {
  private readonly values = new Map<string, unknown>();

  get(key: string, otherwise?: unknown): unknown {
    return this.values.get(key) ?? otherwise;
  }

  update(key: string, value: unknown): Promise<void> {
    this.values.set(key, value);
    return Promise.resolve();
  }
}
