import * as vscode from 'vscode';
import { deviceTitle } from '../../protocol/deviceTitle.ts';
import type { DeviceReport } from '../../protocol/runRecord.ts';

/** What the state of this machine calls the last self-tests. */
const KEY = 'devices';

/** The systems that a device exists on at all. */
const platforms: Readonly<Record<string, readonly string[]>> = {
  cuda: ['linux-x64'],
  dml: ['win32-x64', 'win32-arm64'],
  coreml: ['darwin-x64', 'darwin-arm64'],
};

/** What is known of this machine's devices without a new self-test. */
export class DeviceKnowledge implements vscode.Disposable {
  private readonly memory: vscode.Memento;
  private readonly changed = new vscode.EventEmitter<void>();

  readonly onDidChange = this.changed.event;

  constructor(memory: vscode.Memento) {
    this.memory = memory;
  }

  /** Remembers what the self-tests have found. */
  remember(reports: readonly DeviceReport[]): void {
    const refusals = reports.filter(({ ok }) => !ok).map((one) => [one.device, refusalText(one)]);
    void this.memory.update(KEY, Object.fromEntries(refusals));
    this.changed.fire();
  }

  /** Why a device cannot be used here, as a sentence; undefined when it passed or was never tried. */
  refusalOf(device: string): string | undefined {
    const systems = platforms[device];
    if (systems !== undefined && !systems.includes(`${process.platform}-${process.arch}`)) {
      return notHere(device);
    }
    return this.memory.get<Readonly<Record<string, string>>>(KEY, {})[device];
  }

  dispose(): void {
    this.changed.dispose();
  }
}

/** `CUDA is not available: the CUDA provider is not installed.` */
export function refusalText({ device, reason }: Pick<DeviceReport, 'device' | 'reason'>): string {
  return vscode.l10n.t('{0} is not available: {1}.', deviceTitle(device), reason);
}

function notHere(device: string): string {
  const title = deviceTitle(device);
  if (device === 'dml') return vscode.l10n.t('{0} is available on Windows only.', title);
  if (device === 'coreml') return vscode.l10n.t('{0} is available on macOS only.', title);
  return vscode.l10n.t('{0} is available on Linux x64 only.', title);
}
