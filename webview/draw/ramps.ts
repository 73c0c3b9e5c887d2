import { mix, parseColour, pixel, type Rgb } from './colour.ts';

/** A ramp from little to much. */
export type RampName = 'cividis' | 'viridis' | 'greys';

/**
 * Colours at even steps from 0 to 1. Both ramps rise evenly in lightness and hold for readers who
 * cannot tell red from green.
 * @source cividis: Nuñez, Anderton and Renslow, PLOS ONE 13(7), 2018; viridis: Smith and van der Walt,
 * 2015; greys: even steps of sRGB that leave black and white to the frame
 */
const STOPS: Readonly<Record<RampName, readonly string[]>> = {
  cividis: [
    ...['#00224e', '#123570', '#3b496c', '#575d6d', '#707173'],
    ...['#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838'],
  ],
  viridis: [
    ...['#440154', '#48186a', '#472d7b', '#424086', '#3b528b', '#33638d'],
    ...['#2c728e', '#26828e', '#21918c', '#1fa088', '#28ae80', '#3fbc73'],
    ...['#5ec962', '#84d44b', '#addc30', '#d8e219', '#fde725'],
  ],
  greys: ['#1c1c1c', '#f4f4f4'],
};

/** A table of 256 pixels, from the least value to the greatest. */
export function ramp(name: RampName): Uint32Array {
  return table(STOPS[name].map(known));
}

/** A table of 256 pixels: 0 = all lost, 128 = the same, 255 = all gained. */
export function diverging(lost: Rgb, same: Rgb, gained: Rgb): Uint32Array {
  const pixels = table([lost, same, gained]);
  // 128 bytes stand on either side of the middle of 0..255, which no byte hits.
  pixels[127] = pixels[128] = pixel(same);
  return pixels;
}

/** A table of 256 pixels between two colours: 0 = all removed, 255 = all kept. */
export function twoTone(removed: Rgb, kept: Rgb): Uint32Array {
  return table([removed, kept]);
}

/** The colour of a table's pixel. */
export function rgbOf(value: number): Rgb {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255];
}

function table(stops: readonly Rgb[]): Uint32Array {
  const pixels = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const left = Math.min(stops.length - 2, Math.floor(place));
    pixels[i] = pixel(mix(stops[left]!, stops[left + 1]!, place - left));
  }
  return pixels;
}

function known(text: string): Rgb {
  const colour = parseColour(text);
  if (colour === null) throw new Error(`${text} is no colour`);
  return colour;
}
