import { errors, type Frame, type Locator } from 'playwright-core';

/** Reads the active editor: its lines on screen are in no order, with spaces that do not break. */
export const EDITOR_TEXT = `Array.from(
    document.querySelectorAll('.editor-group-container.active .view-lines .view-line'),
    (line) => ({ top: parseFloat(line.style.top), text: line.textContent }),
  )
  .sort((a, b) => a.top - b.top)
  .map(({ text }) => text.replaceAll('\\u00a0', ' '))
  .join('\\n')`;

/** True for the inner frame of a webview on screen that shows such an element. */
export async function showsInWebview(frame: Frame, selector: string): Promise<boolean> {
  const outer = frame.parentFrame();
  if (outer?.parentFrame()?.parentFrame() !== null) return false;
  try {
    const element = await outer.frameElement();
    return (await element.isVisible()) && (await frame.locator(selector).first().isVisible());
  } catch {
    // The frame went away while it was looked at.
    return false;
  }
}

/** Matches a text that is this and no more. */
export function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
}

/** True when an element is visible, now or soon. */
export function isShown(locator: Locator, timeoutMs: number): Promise<boolean> {
  return locator
    .first()
    .waitFor({ timeout: timeoutMs })
    .then(
      () => true,
      () => false,
    );
}

/** Whether a try ended before its time was over. */
export async function succeedsInTime(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof errors.TimeoutError) return false;
    throw error;
  }
}
