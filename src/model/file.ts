import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { InputError } from '../errors.js';

/** A file read by position. Nothing is read that lies beyond its end, and nothing is allocated before that is checked. */
export interface RandomAccessFile {
  readonly path: string;
  readonly size: number;
  /** `length` bytes from `offset` on; InputError when the file does not hold them. */
  read(offset: number, length: number): Buffer;
  /** Fills `target` from `offset` on. */
  readInto(target: Uint8Array, offset: number): void;
  close(): void;
}

/** Opens a regular file. InputError for what is missing, a folder, a pipe, or not readable. */
export function openFile(path: string): RandomAccessFile {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw cannotOpen(path, error);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw new InputError(`${basename(path)} is not a regular file.`, { file: path });
  }
  const { size } = stat;
  let open = true;
  const readInto = (target: Uint8Array, offset: number): void => {
    if (!open) throw new Error(`${path} was read after it was closed.`);
    let done = 0;
    while (done < target.length) {
      const count = readSync(fd, target, done, Math.min(target.length - done, 1 << 30), offset + done);
      if (count === 0) {
        throw new InputError(
          `${basename(path)} ends at byte ${offset + done}, but ${target.length} bytes from ${offset} on were to be read: it is truncated.`,
          { file: path },
        );
      }
      done += count;
    }
  };
  return {
    path,
    size,
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) {
        throw new InputError(
          `${basename(path)} has ${size} bytes, but ${length} bytes from ${offset} on were to be read: it is truncated.`,
          {
            file: path,
          },
        );
      }
      // Not from Node's shared pool: the dtype views over it need its start to be aligned.
      const target = Buffer.allocUnsafeSlow(length);
      readInto(target, offset);
      return target;
    },
    readInto,
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function cannotOpen(path: string, error: unknown): InputError {
  const code = (error as NodeJS.ErrnoException).code;
  const why =
    code === 'ENOENT'
      ? 'does not exist'
      : code === 'EISDIR'
        ? 'is a folder, not a file'
        : code === 'EACCES' || code === 'EPERM'
          ? 'may not be read by this user'
          : code === 'ELOOP'
            ? 'is a symbolic link to itself'
            : `cannot be opened (${code ?? String(error)})`;
  return new InputError(`${basename(path)} ${why}.`, { file: path });
}
