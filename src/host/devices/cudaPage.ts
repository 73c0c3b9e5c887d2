import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { readPlainText } from '../../files/plainFile.ts';
import { markdownText } from '../ui/messages.ts';

const PACKAGE = join('node_modules', 'onnxruntime-node');
const MOST_BYTES = 1_000_000;

/** How CUDA is installed for the engine of this installation, as a page to read. */
export function cudaPage(extensionPath: string): string {
  const { t } = vscode.l10n;
  const runtime = runtimeFolder(extensionPath);
  const version = versionOf(runtime);
  const library = join(runtime, 'bin', 'napi-v6', 'linux', 'x64');
  const nuget = `https://www.nuget.org/packages/Microsoft.ML.OnnxRuntime.Gpu.Linux/${version}`;
  const files = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
  return [
    `# ${t('Use CUDA')}`,
    t(
      'CUDA works on Linux x64 with an NVIDIA GPU. The extension does not contain its libraries, which are larger than everything else in it.',
    ),
    [
      t(
        '1. Install the NVIDIA driver, CUDA 12 and cuDNN 9, so that the system finds their libraries.',
      ),
      t(
        '2. Download [Microsoft.ML.OnnxRuntime.Gpu.Linux {0}]({1}). The file is a ZIP archive; the version must be exactly this one.',
        version,
        nuget,
      ),
      t(
        '3. Copy {0} from its folder `runtimes/linux-x64/native` into the folder below.',
        files.map((name) => `\`${name}\``).join(' and '),
      ),
      t('4. Choose _Subnet Studio: Select Device_ again, which runs the self-test.'),
    ].join('\n'),
    markdownText(library),
    t('An update of the extension has a folder of its own: copy the two files again after it.'),
  ].join('\n\n');
}

/** Where the engine finds ONNX Runtime; in a checkout it lies where npm puts it. */
function runtimeFolder(extensionPath: string): string {
  const packed = join(extensionPath, 'dist', PACKAGE);
  return existsSync(packed) ? packed : join(extensionPath, PACKAGE);
}

function versionOf(runtime: string): string {
  const text = readPlainText(join(runtime, 'package.json'), {
    links: 'followed',
    mostBytes: MOST_BYTES,
  });
  const { version } = JSON.parse(text ?? '{}') as { readonly version?: string };
  return version ?? '';
}
