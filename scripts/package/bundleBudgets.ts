/** Bytes that the bundle of the host stays below; a window of the editor reads it on activation. */
export const HOST_BYTES = 390_000;
/** Bytes of script that a dashboard reads before it can draw stay below this. */
export const PAGE_BYTES = 400_000;
