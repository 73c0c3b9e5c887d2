import type { MapName } from '../../src/protocol/sparsityRecord.ts';

/** The maps of a block in the order they are shown; the protocol's own list carries its schemas. */
export const mapOrder: readonly MapName[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
