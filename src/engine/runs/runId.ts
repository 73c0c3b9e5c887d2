/**
 * Name of a run folder: readable, sortable within a name, and different for different runs.
 * @param name  name of the run
 * @param createdMs  milliseconds since 1970; shown in UTC
 * @param hash  hex of what makes the run itself, e.g. of config and time; six digits are used
 * @returns e.g. `smol-70-20260102-030405-1a2b3c`; safe as a file name everywhere
 */
export function runIdOf(name: string, createdMs: number, hash: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40);
  const time = new Date(createdMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const digits = hash
    .replaceAll(/[^0-9a-f]/gi, '')
    .slice(0, 6)
    .toLowerCase();
  return [slug === '' ? 'run' : slug, time.replace('T', '-'), digits].join('-');
}
