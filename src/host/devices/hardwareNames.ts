import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { readSystemText } from '../../files/systemText.ts';

/** Where the NVIDIA driver of Linux describes its cards. */
const NVIDIA = '/proc/driver/nvidia/gpus';

/**
 * The hardware behind a device, as its maker calls it.
 * @param device  name of a device of the engine
 * @returns empty when the system does not tell
 */
export function hardwareName(device: string): string {
  if (device === 'cpu') return plain(cpus()[0]?.model ?? '');
  if (device === 'cuda' || (device === 'webgpu' && process.platform === 'linux')) return nvidia();
  return '';
}

/** Every NVIDIA card once, e.g. `NVIDIA H200`. */
function nvidia(): string {
  try {
    const models = readdirSync(NVIDIA).map((card) =>
      nvidiaModel(readSystemText(join(NVIDIA, card, 'information'))),
    );
    return [...new Set(models)].filter((model) => model !== '').join(', ');
  } catch {
    return '';
  }
}

/** The name in what the driver tells of a card; empty when it tells none. */
export function nvidiaModel(information: string): string {
  return plain(/^Model:(.*)$/m.exec(information)?.[1] ?? '');
}

function plain(name: string): string {
  return name
    .replaceAll(/\((R|TM|C)\)/gi, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
