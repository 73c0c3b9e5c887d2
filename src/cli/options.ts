import { InvalidArgumentError, Option } from 'commander';

/** `--json` @param what  what the JSON value holds */
export function jsonOption(what: string): Option {
  return new Option('--json', `last line of stdout: one JSON value with ${what}`);
}

/** `--device` @param what  what it decides, and its default */
export function deviceOption(what = 'where to compute; default: as in the config'): Option {
  return new Option('--device <name>', what).choices([
    'auto',
    'cpu',
    'webgpu',
    'cuda',
    'dml',
    'coreml',
  ]);
}

/** Parser of a whole number option. @param minimum  least legal value */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= minimum && value <= maximum) {
      return value;
    }
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  };
}
