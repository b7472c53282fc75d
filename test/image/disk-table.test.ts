// Partition tables of every kind, made by sfdisk and sgdisk, and every way in which they can be wrong.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  readDiskTable,
  type TableOptions,
} from "../../src/image/table/disk-table.ts";
import { bufferSource } from "../../src/image/source.ts";
import type { DiskTable } from "../../src/image/table/table.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { attachLoop, run, sparseFile } from "../device/loop.ts";
import { describeAsRoot, describeWithTools } from "../support/tools.ts";
import { makeMbr, temporaryFolder } from "./make-image.ts";

const MIB = 1024 * 1024;
const SIZE = 16 * MIB;

const disk = async (script: string, size = SIZE): Promise<Buffer> => {
  const path = sparseFile(join(temporaryFolder(), "disk.img"), size);
  await runTool("sfdisk", ["-q", path], { input: script });
  return readFileSync(path);
};

const read = (bytes: Uint8Array, options?: TableOptions) =>
  readDiskTable(bufferSource(bytes), options);

const tableIn = async (
  bytes: Uint8Array,
  options?: TableOptions,
): Promise<DiskTable> => {
  const table = await read(bytes, options);
  if (table.kind === "none") {
    throw new Error(`no table: ${table.reason}`);
  }
  return table;
};

const faultsOf = async (bytes: Uint8Array, options?: TableOptions) =>
  (await tableIn(bytes, options)).faults.map(({ code }) => code);

/** Changes bytes of a GPT header and makes its checksum right again. */
const editHeader = (
  bytes: Buffer,
  offset: number,
  edit: (header: Buffer) => void,
): Buffer => {
  const edited = Buffer.from(bytes);
  const header = edited.subarray(offset, offset + 92);
  edit(header);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header), 16);
  return edited;
};

const GPT = "label: gpt\nstart=2048, size=8192\nstart=10240, size=16384\n";

describeWithTools(["sfdisk"], "the reader of partition tables", () => {
  test("finds logical partitions where the kernel does", async () => {
    const bytes = await disk(
      "label: dos\nstart=2048,size=2048,type=c\nstart=4096,type=5\nstart=6144,size=2048,type=83\nstart=10240,size=4096,type=83\n",
    );
    const table = await tableIn(bytes);
    expect(table.partitions.map(({ number }) => number)).toEqual([1, 5, 6]);
    expect(table.partitions.map(({ offset }) => offset / 512)).toEqual([
      2048, 6144, 10_240,
    ]);
    expect(table.containers).toMatchObject([{ number: 2, type: 5 }]);
    // The MBR, and a link of the chain for each logical partition.
    expect(table.places).toHaveLength(3);
    expect(table.faults).toEqual([]);
  });

  test("says where a chain of logical partitions breaks off or goes round", async () => {
    const bytes = await disk(
      "label: dos\nstart=4096,type=f\nstart=6144,size=2048,type=83\nstart=10240,size=4096,type=83\n",
    );
    const [, second] = (await tableIn(bytes)).places.slice(1);
    const broken = Buffer.from(bytes);
    broken.fill(7, second?.offset, (second?.offset ?? 0) + 512);
    expect(await faultsOf(broken)).toEqual(["EXTENDED_PARTITION_BROKEN"]);
    const circle = Buffer.from(bytes);
    // The second link points to the first.
    circle.writeUInt8(5, (second?.offset ?? 0) + 446 + 16 + 4);
    circle.writeUInt32LE(1, (second?.offset ?? 0) + 446 + 16 + 8);
    const [first] = (await tableIn(bytes)).places.slice(1);
    circle.writeUInt32LE(
      ((second?.offset ?? 0) - (first?.offset ?? 0)) / 512,
      (second?.offset ?? 0) + 446 + 16 + 8,
    );
    expect(await faultsOf(circle)).toContain("EXTENDED_PARTITION_BROKEN");
    // Half of the image: the chain leaves it, and so do partitions.
    const half = await faultsOf(bytes.subarray(0, 5 * MIB - 512));
    expect(half).toContain("PARTITION_BEYOND_END");
  });

  test("knows that only the beginning is there", async () => {
    const bytes = await disk(GPT);
    const start = bytes.subarray(0, 64 * 1024);
    expect(await faultsOf(start, { size: SIZE })).toEqual([]);
    expect(await faultsOf(start, { size: undefined })).toEqual([]);
    expect(await faultsOf(start, { size: SIZE / 2 })).toEqual([
      "PARTITION_BEYOND_END",
      "GPT_CUT_SHORT",
    ]);
  });

  test.each([
    ["its backup is gone", (b: Buffer) => b.fill(0, SIZE - 512), "BACKUP"],
    [
      "the backup's list differs",
      (b: Buffer) => b.fill(1, SIZE - 4096, SIZE - 4000),
      "BACKUP",
    ],
    ["its header is gone", (b: Buffer) => b.fill(0, 512, 1024), ""],
    ["a bit of its header flipped", (b: Buffer) => b.fill(9, 560, 561), ""],
    ["a bit of its list flipped", (b: Buffer) => b.fill(9, 1030, 1031), ""],
  ])("says so when a GPT is damaged: %s", async (_, damage, part) => {
    const bytes = await disk(GPT);
    expect(await faultsOf(bytes)).toEqual([]);
    damage(bytes);
    const table = await tableIn(bytes);
    expect(table.faults.map(({ code }) => code)).toEqual([
      part === "" ? "GPT_DAMAGED" : "GPT_BACKUP_DAMAGED",
    ]);
    // From the copy that is left.
    expect(table.partitions.map(({ offset }) => offset / 512)).toEqual([
      2048, 10_240,
    ]);
  });

  test("says so when a GPT's numbers lie under a right checksum", async () => {
    const bytes = await disk(GPT);
    const wrong = async (edit: (header: Buffer) => void) =>
      faultsOf(editHeader(bytes, 512, edit));
    expect(await wrong(() => undefined)).toEqual([]);
    const damaged = ["GPT_DAMAGED"];
    expect(await wrong((h) => h.writeUInt32LE(0, 84))).toEqual(damaged);
    expect(await wrong((h) => h.writeUInt32LE(256, 84))).toEqual(damaged);
    expect(await wrong((h) => h.writeUInt32LE(2 ** 31, 80))).toEqual(damaged);
    expect(await wrong((h) => h.writeUInt32LE(0, 80))).toEqual(damaged);
    expect(await wrong((h) => h.writeBigUInt64LE(7n, 24))).toEqual(damaged);
    expect(await wrong((h) => h.fill(0xff, 72, 80))).toEqual(damaged);
    expect(await wrong((h) => h.fill(0xff, 32, 40))).toEqual(["GPT_CUT_SHORT"]);
  });

  test("takes a GPT only with its entry in the MBR, as the kernel does", async () => {
    const bytes = await disk(GPT);
    const type = 446 + 4;
    expect((await tableIn(bytes)).kind).toBe("gpt");
    const asMbr = Buffer.from(bytes);
    asMbr.writeUInt8(0x0c, type);
    asMbr.writeUInt32LE(2048, type + 4);
    asMbr.writeUInt32LE(2048, type + 8);
    expect(await tableIn(asMbr)).toMatchObject({
      kind: "mbr",
      partitions: [{ type: 0x0c }],
    });
    const without = Buffer.from(bytes);
    without.fill(0, 446, 510);
    expect(await read(without)).toEqual({
      kind: "none",
      reason: "no partition",
    });
    const elsewhere = Buffer.from(bytes);
    elsewhere.writeUInt32LE(2, type + 4);
    expect(await tableIn(elsewhere)).toMatchObject({
      partitions: [],
      faults: [{ code: "GPT_DAMAGED" }],
    });
  });

  test("survives random bytes behind a signature", async () => {
    const bytes = await disk(GPT);
    let state = 1;
    for (let turn = 0; turn < 300; turn += 1) {
      const edited = Buffer.from(bytes.subarray(0, 64 * 1024));
      for (let change = 0; change < 8; change += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        edited.writeUInt8(state >>> 24, 440 + (state % 2048));
      }
      const table = await read(edited);
      expect(["none", "mbr", "gpt"]).toContain(table.kind);
    }
  });
});

describeWithTools(["sfdisk", "sgdisk"], "a hybrid MBR", () => {
  test("is read with its GPT, and compared with it", async () => {
    const path = join(temporaryFolder(), "disk.img");
    sparseFile(path, SIZE);
    await runTool("sfdisk", ["-q", path], { input: GPT });
    run("sgdisk", "--hybrid=1", path);
    const bytes = readFileSync(path);
    const table = await tableIn(bytes);
    expect(table).toMatchObject({
      kind: "gpt",
      faults: [],
      gpt: { hybrid: [{ offset: MIB, length: 4 * MIB }] },
    });
    const at = [446, 462, 478].find((place) => {
      const type = bytes.readUInt8(place + 4);
      return type !== 0xee && type !== 0;
    });
    bytes.writeUInt32LE(4096, (at ?? 0) + 8);
    expect(await faultsOf(bytes)).toEqual(["HYBRID_MBR_DIFFERS"]);
  });
});

describeAsRoot(["sfdisk", "losetup"], "sectors of 4096 bytes", () => {
  test("are found in a GPT by itself, and in an MBR by what lies there", async () => {
    const path = sparseFile(join(temporaryFolder(), "disk.img"), SIZE);
    const loop = attachLoop(path, "--sector-size", "4096");
    await runTool("sfdisk", ["-q", loop], { input: "label: gpt\n256,1024\n" });
    const gpt = await tableIn(readFileSync(path));
    expect(gpt).toMatchObject({
      kind: "gpt",
      sectorSize: 4096,
      partitions: [{ offset: MIB, length: 4 * MIB }],
      faults: [],
    });
    await runTool("sfdisk", ["-q", "--wipe=always", loop], {
      input: "label: dos\n256,1024\n",
    });
    const bytes = readFileSync(path);
    expect(await tableIn(bytes)).toMatchObject({ sectorSize: 512 });
    expect(await tableIn(bytes, { sectorSize: 4096 })).toMatchObject({
      kind: "mbr",
      partitions: [{ offset: MIB, length: 4 * MIB }],
    });
    bytes.write("hsqs", MIB);
    expect(await tableIn(bytes)).toMatchObject({ sectorSize: 4096 });
  });
});

describe("a table of nothing", () => {
  test.each([
    [Buffer.alloc(0), "no signature"],
    [Buffer.alloc(4096), "no signature"],
    [makeMbr([]), "no partition"],
    [Buffer.from(makeMbr([])).fill(0x66, 446, 500), "boot sector"],
  ])("is told with its reason", async (bytes, reason) => {
    expect(await read(bytes)).toEqual({ kind: "none", reason });
  });

  test("has partitions that lie where none can", async () => {
    const at = (...entries: readonly (readonly [number, number])[]) =>
      Buffer.concat([
        makeMbr(
          entries.map(([offset, length]) => ({ type: 0x83, offset, length })),
        ),
        Buffer.alloc(MIB),
      ]);
    expect(await faultsOf(at([0, 512]))).toEqual(["PARTITION_PLACE_WRONG"]);
    expect(await faultsOf(at([512, MIB]))).toEqual([]);
    expect(await faultsOf(at([512, MIB + 512]))).toEqual([
      "PARTITION_BEYOND_END",
    ]);
    expect(await faultsOf(at([512, 4096], [1024, 512], [2048, 512]))).toEqual([
      "PARTITIONS_OVERLAP",
      "PARTITIONS_OVERLAP",
    ]);
  });
});
