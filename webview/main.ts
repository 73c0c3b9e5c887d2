import '@vscode/codicons/dist/codicon.css';
import './style.css';
import { startApp } from './app.ts';
import { connectToHost, type Bridge } from './bridge.ts';
import { registerControls } from './controls/register.ts';
import { el } from './dom.ts';

registerControls();
const bridge = connectToHost();
if (document.body.dataset['view'] === 'methods') void showMethods(bridge);
else startApp(document.body, bridge);

/** The page of a comparison of methods is a piece of its own, which no dashboard reads. */
async function showMethods(to: Bridge): Promise<void> {
  try {
    const { startMethods } = await import('./methods/methodsApp.ts');
    startMethods(document.body, to);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `This page could not be read: ${why} Reload the window.`;
    document.body.replaceChildren(el('p', { text, role: 'alert' }));
  }
}
