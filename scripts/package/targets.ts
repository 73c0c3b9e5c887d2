/** A platform that ONNX Runtime is built for, as Node names it. */
export interface Platform {
  readonly platform: string;
  readonly arch: string;
}

/** A VSIX for each platform of ONNX Runtime, and one without it, which can browse runs only. */
export const TARGETS: ReadonlyMap<string, Platform | null> = new Map([
  ['linux-x64', { platform: 'linux', arch: 'x64' }],
  ['linux-arm64', { platform: 'linux', arch: 'arm64' }],
  ['darwin-arm64', { platform: 'darwin', arch: 'arm64' }],
  ['win32-x64', { platform: 'win32', arch: 'x64' }],
  ['win32-arm64', { platform: 'win32', arch: 'arm64' }],
  ['universal', null],
]);

/** The target of the machine this runs on, which may not be one of {@link TARGETS}. */
export const OWN_TARGET = `${process.platform}-${process.arch}`;
