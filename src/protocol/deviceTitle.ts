const titles: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'Core ML',
};

/** A device's name for people; a device of a later version keeps the name it has in configs. */
export function deviceTitle(device: string): string {
  return Object.hasOwn(titles, device) ? titles[device]! : device;
}

/** Where work was done, for people: `on the CPU`, `on WebGPU`. */
export function onDevice(device: string): string {
  return device === 'cpu' ? 'on the CPU' : `on ${deviceTitle(device)}`;
}
