import { el, show } from '../dom.ts';

/** Words and figures that are shown beside a point. */
export interface HoverContent {
  readonly title: string;
  readonly lines: readonly (readonly [label: string, value: string])[];
}

/** A card beside the point under the pointer, and a ring around the point. */
export interface HoverCard {
  /** @param x @param y  the point, in CSS pixels of the frame */
  showAt(x: number, y: number, content: HoverContent): void;
  hide(): void;
}

/** Makes the card of a frame, which must be positioned. */
export function createHoverCard(frame: HTMLElement): HoverCard {
  const ring = el('div', { class: 'hover-ring', hidden: true });
  const title = el('div', { class: 'hover-title' });
  const list = el('dl');
  const card = el(
    'div',
    { class: 'hover-card', hidden: true, aria: { hidden: 'true' } },
    title,
    list,
  );
  frame.append(ring, card);
  return {
    showAt(x, y, content) {
      title.textContent = content.title;
      list.replaceChildren(
        ...content.lines.flatMap(([label, value]) => [
          el('dt', { text: label }),
          el('dd', { text: value }),
        ]),
      );
      show(ring, true);
      show(card, true);
      move(ring, x, y);
      // On the side where there is room.
      const { clientWidth, clientHeight } = frame;
      const { offsetWidth, offsetHeight } = card;
      const left = x + 14 + offsetWidth <= clientWidth ? x + 14 : x - 14 - offsetWidth;
      const top = Math.min(y + 14, clientHeight - offsetHeight - 4);
      move(card, Math.max(0, left), Math.max(0, top));
    },
    hide() {
      show(ring, false);
      show(card, false);
    },
  };
}

function move(node: HTMLElement, x: number, y: number): void {
  node.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}
