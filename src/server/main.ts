import { engineVersion } from './engineVersion.ts';
import { loadPipeline } from './loadPipeline.ts';
import { serveEngine } from './serveEngine.ts';

// The engine process: forked by a host (CLI, editor), it speaks over Node's IPC channel only.
serveEngine(loadPipeline, engineVersion);
