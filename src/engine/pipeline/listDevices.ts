import type { DeviceReport } from '../../protocol/runRecord.ts';
import { chooseDevice } from '../runtime/devices.ts';

/** Every device of this machine: whether it passed its self-test, why not, and how fast it is. */
export async function listDevices(): Promise<readonly DeviceReport[]> {
  return (await chooseDevice('auto', { threads: 0 })).reports;
}
