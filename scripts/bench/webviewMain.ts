// npm run bench:webview: what the extension costs a user, measured in a real browser and editor.
import { activationBench } from './activationBench.ts';
import { reportGroups } from './report.ts';
import { bundleBench, webviewBench } from './webviewBench.ts';

const groups = [bundleBench, webviewBench, activationBench];
const results = await reportGroups(groups);
if (process.argv.includes('--json')) console.log(JSON.stringify(results));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
