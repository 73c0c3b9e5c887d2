import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * VS Code writes its logs through a native module, which no compiler builds here. Without logs the
 * Output panel stays empty, so this one appends to the same files.
 */
const SPDLOG = `'use strict';
const fs = require('node:fs');
const path = require('node:path');

const NAMES = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];

class Logger {
  constructor(file) {
    this.file = file;
    this.level = 2;
    this.formatted = true;
    NAMES.forEach((name, level) => {
      this[name === 'warning' ? 'warn' : name] = (message) => this.write(level, message);
    });
  }
  write(level, message) {
    if (level < this.level) return;
    const time = new Date().toISOString().replace('T', ' ').replace('Z', '');
    const line = this.formatted ? time + ' [' + NAMES[level] + '] ' + message + '\\n' : message;
    try {
      fs.appendFileSync(this.file, line);
    } catch {
      // The test that made the folder has removed it.
    }
  }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() {}
  clearFormatters() { this.formatted = false; }
  flush() {}
  drop() {}
}

async function createLogger(_name, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return new Logger(file);
}

exports.version = 0;
exports.Logger = Logger;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.createRotatingLogger = createLogger;
exports.createAsyncRotatingLogger = createLogger;
`;

/** Ends an extension host whose server has died; the tests end the whole group instead. */
const WATCHDOG = `'use strict';
exports.start = () => {};
exports.exit = (code) => process.exit(code || 0);
`;

/** Puts modules in JavaScript in the place of native ones that VS Code cannot do well without. */
export async function shimNativeModules(packages: string): Promise<void> {
  await writeFile(join(packages, '@vscode/spdlog/index.js'), SPDLOG);
  await writeFile(join(packages, '@vscode/native-watchdog/index.js'), WATCHDOG);
}
