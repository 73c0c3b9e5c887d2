import { RUN_SCHEMA_VERSION, type RunManifest } from '../../src/protocol/runRecord.ts';

/** A manifest of a run that never was. */
export function someManifest(changes: Partial<RunManifest> = {}): RunManifest {
  return {
    schemaVersion: RUN_SCHEMA_VERSION,
    id: 'demo-1',
    name: 'demo',
    createdMs: 1000,
    configPath: '/nowhere/demo.subnet.jsonc',
    configText: '{ "model": "m", "ratio": 0.7, "text": "t" }',
    config: { ratio: 0.7 },
    seeds: { search: 0 },
    hashes: { model: '00' },
    versions: { engine: '0.1.0' },
    device: null,
    ...changes,
  };
}
