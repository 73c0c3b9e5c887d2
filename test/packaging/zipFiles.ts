import { inflateRawSync } from 'node:zlib';

/** A file of a zip archive. */
export interface ZipFile {
  readonly path: string;
  /** Bytes it takes in the archive. */
  readonly packedBytes: number;
  readonly bytes: number;
  content(): Buffer;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;

/** The files of a zip archive, by its central directory; no archive comment, no zip64. */
export function zipFiles(archive: Buffer): ZipFile[] {
  const end = archive.length - 22;
  if (archive.readUInt32LE(end) !== END) throw new Error('this is no zip archive');
  const files: ZipFile[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== ENTRY) throw new Error('the zip archive is broken');
    const nameLength = archive.readUInt16LE(at + 28);
    const packedBytes = archive.readUInt32LE(at + 20);
    const isPacked = archive.readUInt16LE(at + 10) !== 0;
    const local = archive.readUInt32LE(at + 42);
    const data = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const packed = archive.subarray(data, data + packedBytes);
    files.push({
      path: archive.toString('utf8', at + 46, at + 46 + nameLength),
      packedBytes,
      bytes: archive.readUInt32LE(at + 24),
      content: () => (isPacked ? inflateRawSync(packed) : packed),
    });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return files;
}
