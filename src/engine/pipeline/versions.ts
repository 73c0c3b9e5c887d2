import onnxruntimePackage from 'onnxruntime-node/package.json' with { type: 'json' };
import packageJson from '../../../package.json' with { type: 'json' };

/** Version of the engine, as in package.json. */
export const engineVersion: string = packageJson.version;

/** Versions that figures may depend on. */
export function versions(): Record<string, string> {
  return {
    engine: engineVersion,
    onnxruntime: onnxruntimePackage.version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
}
