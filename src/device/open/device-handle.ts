// An open device, whether this process opened it or was given its descriptor: Node can make a file handle only from a name.
import {
  close,
  fdatasync,
  fstat,
  read,
  write,
  type BigIntStats,
} from "node:fs";
import { promisify } from "node:util";
import type { ReadableAt, WritableAt } from "../../system/exact-io.ts";

/** The part of Node's FileHandle that devices need. */
export type DeviceHandle = ReadableAt &
  WritableAt & {
    readonly fd: number;
    readonly stat: (options: { readonly bigint: true }) => Promise<BigIntStats>;
    readonly datasync: () => Promise<void>;
    readonly close: () => Promise<void>;
  };

const readFrom = promisify(read);
const writeTo = promisify(write);
const statOf = promisify(fstat);
const syncData = promisify(fdatasync);
const closeOne = promisify(close);

export const handleOf = (fd: number): DeviceHandle => ({
  fd,
  read: (into, at, length, position) =>
    readFrom(fd, into, at, length, position),
  write: (data, at, length, position) =>
    writeTo(fd, data, at, length, position),
  stat: (options) => statOf(fd, options),
  datasync: () => syncData(fd),
  close: () => closeOne(fd),
});
