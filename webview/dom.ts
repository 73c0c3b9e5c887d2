/** What may be set on an element besides its children. */
export interface Options {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
  readonly id?: string;
  readonly role?: string;
  readonly hidden?: boolean;
  readonly tabIndex?: number;
  /** Without the `aria-` in front. */
  readonly aria?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
  /** Other attributes. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/**
 * Makes an element. Text is only ever set as text, never as markup: names and paths come from files.
 * @param children  appended in order; null and false are left out
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options = {},
  ...children: readonly (Node | string | null | false)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (options.class !== undefined) node.className = options.class;
  if (options.text !== undefined) node.textContent = options.text;
  if (options.title !== undefined) node.title = options.title;
  if (options.id !== undefined) node.id = options.id;
  if (options.role !== undefined) node.setAttribute('role', options.role);
  if (options.hidden === true) node.hidden = true;
  if (options.tabIndex !== undefined) node.tabIndex = options.tabIndex;
  for (const [name, value] of Object.entries(options.aria ?? {})) {
    node.setAttribute(`aria-${name}`, value);
  }
  for (const [name, value] of Object.entries(options.data ?? {})) node.dataset[name] = value;
  for (const [name, value] of Object.entries(options.attributes ?? {})) {
    node.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== false) node.append(child);
  return node;
}

/** A codicon, which says nothing to a screen reader. */
export function icon(name: string, spin = false): HTMLElement {
  return el('span', {
    class: `codicon codicon-${name}${spin ? ' codicon-modifier-spin' : ''}`,
    aria: { hidden: 'true' },
  });
}

/** Sets the text of a node, touching the page only when it differs. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, touching the page only when it differs; null removes it. */
export function setAttribute(node: Element, name: string, value: string | null): void {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Shows or hides an element. */
export function show(node: HTMLElement, visible: boolean): void {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Makes these the children of a parent, moving and removing as little as possible. */
export function setChildren(parent: Element, children: readonly Node[]): void {
  const wanted = new Set(children);
  for (const node of [...parent.childNodes]) if (!wanted.has(node)) node.remove();
  children.forEach((child, at) => {
    const there = parent.childNodes[at];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
}

/** Remembers what was drawn last: `draw` runs again only when one of the inputs is another. */
export function onChange<T extends readonly unknown[]>(
  draw: (...inputs: T) => void,
): (...inputs: T) => void {
  let last: T | undefined;
  return (...inputs) => {
    if (last !== undefined && last.every((value, at) => Object.is(value, inputs[at]))) return;
    last = inputs;
    draw(...inputs);
  };
}
