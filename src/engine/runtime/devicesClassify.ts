/** What a message of ONNX Runtime means to the user. */
export interface DeviceProblem {
  /** Short, without a full stop, e.g. `no adapter found`. */
  readonly cause: string;
  /** The user's next step, a whole sentence. */
  readonly action: string;
}

const REPORT = 'This is a bug in the engine; please report it.';
const OTHER_DEVICE = 'Run "subnet devices" and choose a device that works here.';
/** Longest part of an unknown message that is shown, UTF-16 units. */
const LONGEST_CAUSE = 240;

/**
 * Texts of ONNX Runtime 1.30, most telling first.
 * @source RUNTIME section 10; the texts of lost devices and full memory are those of its sources
 */
const KNOWN: readonly (readonly [RegExp, cause: string, action: string])[] = [
  [
    /Failed to get a WebGPU adapter/,
    'no adapter found',
    'Install or update the graphics driver (on Linux one with Vulkan), or use the device "cpu".',
  ],
  [
    /ExecutionProvider_(Cuda|CUDA|Tensorrt|TensorRT)\w*: Failed to load shared library|libonnxruntime_providers_cuda/,
    'the CUDA libraries cannot be loaded',
    'Install CUDA 12 and cuDNN 9 and their ONNX Runtime provider, or use the device "cpu".',
  ],
  [/backend not found/, 'not part of this build of ONNX Runtime', OTHER_DEVICE],
  [
    /Cannot find module .*onnxruntime_binding/,
    'ONNX Runtime has no build for this platform',
    'Use Linux or Windows on x64 or arm64, or a Mac with Apple silicon.',
  ],
  [
    /ERR_DLOPEN_FAILED|specified module could not be found|Dynamic Link Library|DLL/,
    'the native library of ONNX Runtime cannot be loaded',
    'On Windows install the Visual C++ Redistributable; elsewhere reinstall the packages.',
  ],
  [/requires f16/, 'no half precision on this device', 'Use float32, or the device "cpu".'],
  [
    /device (was|is) lost|device lost|DEVICE_LOST|DEVICE_REMOVED|DEVICE_HUNG|CUDA (error|failure)/i,
    'the device was lost',
    'Resume the run; if it happens again, update the driver or use the device "cpu".',
  ],
  [
    // Dawn hands out an invalid buffer when memory is short; the first complaint comes when it is used.
    /out of memory|out_of_memory|bad_alloc|failed to allocate|allocation (size too large|failed)|\[Invalid Buffer/i,
    'not enough memory on the device',
    'Use a shorter context, close other programs, or use the device "cpu".',
  ],
  [
    /Too many storage buffers/,
    'a tensor too large for this device',
    'Use a shorter context, or the device "cpu".',
  ],
  [
    /protobuf parsing failed/,
    'a model file that is not ONNX',
    'The file is damaged; write it again.',
  ],
  [
    /External data path|External file/,
    'weights that lie elsewhere than the model says',
    'Keep the data file beside the model file.',
  ],
  [/unrecognized option/, 'an option the provider does not know', REPORT],
  [/Unsupported data type/, 'an element type this runtime cannot bind', REPORT],
  [/missing in 'feeds'|Unexpected input data type|Got invalid dimensions|Invalid rank/, '', REPORT],
];

/**
 * Explains a message of ONNX Runtime.
 * @param message  any text, also one this engine does not know
 */
export function classifyDeviceError(message: string): DeviceProblem {
  const known = KNOWN.find(([pattern]) => pattern.test(message));
  const cause = known?.[1] ?? '';
  return {
    cause: cause === '' ? shortened(message) : cause,
    action: known?.[2] ?? 'Resume the run; if it fails again, choose another device.',
  };
}

/** The telling part of a message: without the source location and signature ORT puts before it. */
function shortened(message: string): string {
  const text = message
    .replace(
      /^Non-zero status code returned while running (\S+) node\..*?Status Message: /s,
      '$1: ',
    )
    .replace(/\S*onnxruntime\S*\.(cc|h):\d+ .*? was false\. /s, '')
    .replace(/\s+/g, ' ')
    .replace(/[.\s]+$/, '')
    .trim();
  if (text === '') return 'no reason given';
  return text.length > LONGEST_CAUSE ? `${text.slice(0, LONGEST_CAUSE)}…` : text;
}
