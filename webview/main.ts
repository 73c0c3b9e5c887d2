import '@vscode/codicons/dist/codicon.css';
import './style.css';
import { startApp } from './app.ts';
import { connectToHost } from './bridge.ts';
import { registerControls } from './controls/register.ts';

registerControls();
startApp(document.body, connectToHost());
