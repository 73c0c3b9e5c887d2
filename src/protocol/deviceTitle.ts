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

/**
 * Where work was done, for people: `on the CPU`, `on WebGPU`.
 * @param device  its name in configs, or a text that begins with its name for people: `CPU, 8 threads`
 */
export function onDevice(device: string): string {
  const title = deviceTitle(device);
  return title.startsWith(titles['cpu']!) ? `on the ${title}` : `on ${title}`;
}
