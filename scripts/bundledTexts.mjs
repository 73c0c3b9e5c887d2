import { readFileSync } from 'node:fs';

/**
 * Texts that bundles hold as constants: esbuild's `define`. Run from its sources, the program reads
 * the files themselves.
 */
export const bundledTexts = {
  MODELING_SUBNET: JSON.stringify(
    readFileSync(
      new URL('../src/engine/export/python/modeling_subnet.py', import.meta.url),
      'utf8',
    ),
  ),
};
