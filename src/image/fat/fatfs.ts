// Starts FatFs (js-fatfs, WebAssembly) on a disk in memory, with the time of our choice instead of the machine's.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as FatFs from "js-fatfs";
import type { FatDisk } from "./fat-disk.ts";

/** The parts of WebAssembly used here; Node's type package leaves them to the browser's types. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: WasmImports) => WasmInstance;
};
type WasmImports = Readonly<
  Record<string, Readonly<Record<string, (...args: number[]) => unknown>>>
>;
type WasmInstance = { readonly exports: object };

/** Names in other code pages than ASCII are kept as bytes; this is the kernel's default for vfat. */
const CODE_PAGE = 437;

let compiled: object | undefined;

const compiledFatFs = (): object => {
  const main = createRequire(import.meta.url).resolve("js-fatfs");
  compiled ??= new WebAssembly.Module(
    readFileSync(join(dirname(main), "fatfs.wasm")),
  );
  return compiled;
};

/** FAT dates begin with 1980 and end with 2107. */
const fatTime = (now: Date): Date => {
  const earliest = Date.UTC(1980, 0, 1);
  const latest = Date.UTC(2107, 11, 31, 23, 59, 58);
  return new Date(Math.min(Math.max(now.getTime(), earliest), latest));
};

/** Writes C's `struct tm` for `now` in UTC. */
const writeBrokenDownTime = (memory: Uint8Array, at: number, now: Date) => {
  const fields = [
    now.getUTCSeconds(),
    now.getUTCMinutes(),
    now.getUTCHours(),
    now.getUTCDate(),
    now.getUTCMonth(),
    now.getUTCFullYear() - 1900,
  ];
  const view = new DataView(memory.buffer);
  for (const [index, value] of fields.entries()) {
    view.setInt32(at + index * 4, value, true);
  }
};

const diskCallbacks = (disk: FatDisk): FatFs.DiskIO => ({
  initialize: () => 0,
  status: () => 0,
  read: (ff, _drive, buffer, sector, count) => {
    ff.HEAPU8.set(disk.read(sector, count), buffer);
    return FatFs.RES_OK;
  },
  write: (ff, _drive, buffer, sector, count) => {
    const length = count * disk.sectorSize;
    disk.write(sector, ff.HEAPU8.slice(buffer, buffer + length));
    return FatFs.RES_OK;
  },
  ioctl: (ff, _drive, command, buffer) => {
    switch (command) {
      case FatFs.CTRL_SYNC:
        return FatFs.RES_OK;
      case FatFs.GET_SECTOR_COUNT:
        ff.setValue(buffer, disk.sectorCount, "i32");
        return FatFs.RES_OK;
      case FatFs.GET_SECTOR_SIZE:
        ff.setValue(buffer, disk.sectorSize, "i16");
        return FatFs.RES_OK;
      default:
        return FatFs.RES_PARERR;
    }
  },
});

/**
 * A fresh FatFs on `disk`. An error thrown by the disk passes through its functions; the instance must then be
 * abandoned, because C's stack was not unwound. Starting one takes about a millisecond.
 */
export const startFatFs = async (
  disk: FatDisk,
  now: Date,
): Promise<FatFs.FatFs> => {
  const time = fatTime(now);
  // js-fatfs asks the machine for its local time and has no option for another. Its imports are found by name,
  // so that a new version with other names fails here and not in the images.
  const replacements: Record<string, (...args: number[]) => unknown> = {
    __localtime_js: (_low, _high, at) => {
      writeBrokenDownTime(ff.HEAPU8, at ?? 0, time);
    },
    __tzset_js: () => undefined,
  };
  let replaced = 0;
  const withOurTime = (imports: WasmImports): WasmImports =>
    Object.fromEntries(
      Object.entries(imports).map(([room, functions]) => [
        room,
        Object.fromEntries(
          Object.entries(functions).map(([key, original]) => {
            const ours = replacements[original.name];
            replaced += ours === undefined ? 0 : 1;
            return [key, ours ?? original];
          }),
        ),
      ]),
    );
  const options = {
    diskio: diskCallbacks(disk),
    codepage: CODE_PAGE,
    instantiateWasm: (
      imports: WasmImports,
      receive: (instance: WasmInstance) => void,
    ) => {
      const instance = new WebAssembly.Instance(
        compiledFatFs(),
        withOurTime(imports),
      );
      receive(instance);
      return instance.exports;
    },
  };
  const ff: FatFs.FatFs = await FatFs.create(options);
  if (replaced !== Object.keys(replacements).length) {
    throw new Error("this version of js-fatfs takes its time from elsewhere");
  }
  return ff;
};
