// Chooses a device twice and sends both choices.
import { chooseDevice } from '../../src/engine/runtime/devices.ts';

const auto = await chooseDevice('auto', { threads: 2 });
const named = await chooseDevice('webgpu', { threads: 2 });
process.send!({ auto, named }, () => process.exit(0));
