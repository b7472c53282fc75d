// Images that something is wrong with: told before anything is written, and refused where nobody is asked.
import {
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { build } from "../../src/commands/build.ts";
import { devices } from "../../src/commands/devices/devices.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { openImageFile } from "../../src/sources/image-source.ts";
import { demandSoundImage } from "../../src/sources/look-at-image.ts";
import { release } from "../../src/commands/release.ts";
import { verify } from "../../src/commands/verify.ts";
import { UserError } from "../../src/report/user-error.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import {
  attachLoop,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { decodeSample } from "../image/sample-fixture.ts";
import { describeAsRoot } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

const MIB = 1024 ** 2;
const SIZE = 22 * MIB;
/** Where the ext4 of 8 MiB begins, behind a FAT of 10 MiB. */
const ROOT = 12 * MIB;
const MBR =
  "label: dos\nstart=2048,size=20480,type=e\nstart=24576,size=16384,type=83\n";
const GPT =
  "label: gpt\nstart=2048,size=20480,type=U\nstart=24576,size=16384\n";

const makeImage = async (folder: string, script = MBR): Promise<string> => {
  const path = sparseFile(join(folder, "a.img"), SIZE);
  await runTool("sfdisk", ["-q", path], { input: script });
  run("mkfs.vfat", "-F", "16", "--offset", "2048", path, "10240");
  const root = sparseFile(join(folder, "root"), 8 * MIB);
  run("mkfs.ext4", "-q", root);
  run(
    "dd",
    `if=${root}`,
    `of=${path}`,
    "bs=1M",
    "seek=12",
    "conv=notrunc,sparse",
    "status=none",
  );
  return path;
};

const open = async (path: string) => {
  const source = await openImageFile(
    {
      env: process.env,
      report: () => undefined,
      signal: new AbortController().signal,
    },
    path,
  );
  await source.close();
  return source;
};

const codesOf = async (path: string): Promise<readonly string[]> =>
  (await open(path)).findings.map(({ code }) => code);

const flashIn = (
  folder: string,
  card: string,
  image: string,
  more: Readonly<Record<string, unknown>> = {},
) =>
  runInProcess("flash", folder, (context) =>
    flash(context, [card, image], {
      inventory: join(folder, "cluster.yaml"),
      out: join(folder, "out"),
      yes: true,
      maxSize: 2 ** 40,
      ...more,
    }),
  );

const setBytes = (path: string, at: number, ...bytes: readonly number[]) => {
  const content = readFileSync(path);
  content.set(bytes, at);
  writeFileSync(path, content);
};

describeAsRoot(
  ["sfdisk", "mkfs.vfat", "mkfs.ext4", "losetup", "debugfs"],
  "an image that something is wrong with",
  () => {
    it("is found out by its table, packed or not", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      expect(await codesOf(path)).toEqual([]);
      truncateSync(path, 16 * MIB);
      expect(await codesOf(path)).toEqual(["PARTITION_BEYOND_END"]);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 1 }));
      expect(await codesOf(`${path}.gz`)).toEqual(["PARTITION_BEYOND_END"]);
      run("zstd", "-q", path);
      expect(await codesOf(`${path}.zst`)).toEqual(["PARTITION_BEYOND_END"]);
      const gpt = await makeImage(folder, GPT);
      expect(await codesOf(gpt)).toEqual([]);
      truncateSync(gpt, 21 * MIB);
      expect(await codesOf(gpt)).toEqual(["GPT_CUT_SHORT"]);
      run("xz", "-0", "-k", gpt);
      expect(await codesOf(`${gpt}.xz`)).toEqual(["GPT_CUT_SHORT"]);
    });

    it("is found out by its file systems and by who uses it", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      setBytes(path, MIB + 37, 1);
      setBytes(path, ROOT + 1024 + 0x3a, 0);
      expect(await codesOf(path)).toEqual([
        "FILE_SYSTEM_NOT_CLEAN",
        "FILE_SYSTEM_NOT_CLEAN",
      ]);
      const reading = attachLoop(path, "--read-only");
      expect(await codesOf(path)).not.toContain("IMAGE_IN_USE");
      run("losetup", "--detach", reading);
      run("losetup", "--read-only", reading, path);
      const writing = attachLoop(path);
      const { findings } = await open(path);
      expect(findings[0]).toEqual({
        code: "IMAGE_IN_USE",
        message: `the image is attached read-write as ${writing}`,
      });
    });

    it.each([
      ["gz", "gzip", 0],
      ["zst", "zstd", 1],
      ["bz2", "bzip2", 2],
    ])(
      "is found out where the magic of a later .%s member is damaged",
      async (ending, tool, flipped) => {
        const folder = temporaryFolder();
        const path = await makeImage(folder);
        const packed = [0, 1].map((half) => {
          const part = join(folder, `half-${half}`);
          const bytes = readFileSync(path);
          writeFileSync(
            part,
            bytes.subarray(half * 11 * MIB, (half + 1) * 11 * MIB),
          );
          return execFileSync(tool, ["-1", "-c", part], {
            maxBuffer: SIZE,
            stdio: "pipe",
          });
        });
        const file = `${path}.${ending}`;
        writeFileSync(file, Buffer.concat(packed));
        expect(await codesOf(file)).toEqual([]);
        packed[1]?.writeUInt8(
          (packed[1]?.readUInt8(flipped) ?? 0) ^ 1,
          flipped,
        );
        writeFileSync(file, Buffer.concat(packed));
        // Either the decoder refuses it, or what is cut off is missed; never is it written unasked.
        const found = await open(file).catch((error: unknown) => error);
        if (found instanceof UserError) {
          expect(found.code).toBe("IMAGE_DAMAGED");
        } else {
          const { findings } = found as Awaited<ReturnType<typeof open>>;
          expect(findings.map(({ code }) => code)).toContain(
            "PARTITION_BEYOND_END",
          );
          const card = sparseFile(join(folder, "card"), SIZE);
          const refused = await flashIn(folder, card, file);
          expect(refused.exit).toBe(2);
          expect(refused.records).toContainEqual(
            expect.objectContaining({ code: "IMAGE_DOUBTFUL" }),
          );
        }
      },
    );

    it("is compared unpacked with a checksum of the unpacked image", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      const digest = run("sha256sum", path).slice(0, 64);
      run("gzip", "-1", path);
      const list = `${path}.sha256`;
      const prove = async () => {
        const { proveImage, checksums } = await open(`${path}.gz`);
        await proveImage?.(new AbortController().signal);
        return checksums;
      };
      for (const line of [digest, `${digest}  a.img`]) {
        writeFileSync(list, `${line}\n`);
        expect(await prove()).toEqual([list]);
      }
      writeFileSync(list, `${"0".repeat(64)}\n`);
      await expect(prove()).rejects.toMatchObject({
        code: "CHECKSUM_MISMATCH",
        facts: [`expected ${"0".repeat(64)}`, `found    ${digest}`],
      });
    });

    it("is refused with --yes unless it is proven or taken at one's own risk", () => {
      const findings = [
        { code: "GPT_CUT_SHORT", message: "the image is cut short" },
      ] as const;
      const doubted = { label: "a.img", findings, proven: false };
      const yes = { yes: true, insecure: false };
      expect(() => demandSoundImage(doubted, yes)).toThrow(/wrong with a.img/);
      demandSoundImage({ ...doubted, findings: [] }, yes);
      demandSoundImage({ ...doubted, proven: true }, yes);
      demandSoundImage(doubted, { yes: true, insecure: true });
      // Who is asked decides.
      demandSoundImage(doubted, { yes: false, insecure: false });
    });

    it("is told on the command line, as a record and in the receipt", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      run(
        "debugfs",
        "-w",
        "-R",
        "set_super_value state 0",
        `${path}?offset=${ROOT}`,
      );
      const card = oldFile(join(folder, "card"), SIZE);
      const before = readFileSync(card);
      const refused = await flashIn(folder, card, path);
      expect(refused.exit).toBe(2);
      expect(refused.records).toContainEqual(
        expect.objectContaining({ type: "error", code: "IMAGE_DOUBTFUL" }),
      );
      expect(refused.said).toContain(
        "the ext4 of partition 2 was not unmounted cleanly",
      );
      expect(readFileSync(card).equals(before)).toBe(true);
      const taken = await flashIn(folder, card, path, { insecure: true });
      expect(taken.exit).toBe(0);
      const finding = {
        code: "FILE_SYSTEM_NOT_CLEAN",
        message: "the ext4 of partition 2 was not unmounted cleanly",
      };
      const told = expect.objectContaining({
        type: "image",
        findings: [finding],
      });
      expect(taken.records).toContainEqual(told);
      const receipts = join(folder, "out", "receipts");
      const [receipt = ""] = readdirSync(receipts);
      expect(
        JSON.parse(readFileSync(join(receipts, receipt), "utf8")),
      ).toMatchObject({ image: { findings: [finding] } });
      const digest = createHash("sha256").update(readFileSync(path));
      writeFileSync(
        join(folder, "SHA256SUMS"),
        `${digest.digest("hex")}  a.img\n`,
      );
      const proven = await flashIn(folder, card, path);
      expect(proven.said).toContain(`warning: ${finding.message}`);
      expect(proven.exit).toBe(0);
      run("cmp", path, card);
      const held = await runInProcess("verify", folder, (context) =>
        verify(context, [card, path], {
          inventory: join(folder, "cluster.yaml"),
          out: join(folder, "out"),
        }),
      );
      expect(held.exit).toBe(0);
      expect(held.said).toContain(`warning: ${finding.message}`);
      expect(held.records).toContainEqual(told);
    });

    it("is refused for sectors that it was not made for, and what is there is seen", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      const file = sparseFile(join(folder, "disk"), 32 * MIB);
      const loop = attachLoop(file, "--sector-size", "4096");
      await runTool("sfdisk", ["-q", loop], {
        input: "label: gpt\n256,4096\n",
      });
      const photos = sparseFile(join(folder, "photos"), 16 * MIB);
      run("mkfs.ext4", "-q", "-L", "photos", photos);
      run(
        "dd",
        `if=${photos}`,
        `of=${loop}`,
        "bs=1M",
        "seek=1",
        "status=none",
        "conv=fsync,notrunc",
      );
      const refused = await flashIn(folder, loop, path);
      expect(refused.exit).toBe(3);
      expect(refused.said).toContain(
        `error[TARGET_OTHER_SECTORS]: ${loop} has sectors of 4096 bytes, and the image's partition table is made for 512`,
      );
      const listed = await runInProcess("devices", folder, (context) =>
        devices(context, { maxSize: 2 ** 40 }),
      );
      expect(listed.printed).toMatch(
        new RegExp(`^${loop} .*4096-byte sectors`, "m"),
      );
      // An image that was made there fits, and the disk's content is named first.
      const copy = join(folder, "copy.img");
      run("dd", `if=${loop}`, `of=${copy}`, "bs=1M", "status=none");
      const flashed = await flashIn(folder, loop, copy);
      expect(flashed.printed).toContain('partition 1: ext4 "photos"');
      expect(flashed.exit).toBe(0);
      run("cmp", copy, loop);
      run("sfdisk", "--verify", loop);
    });

    it("is told as a base of build and release, which a person has taken with --insecure", async () => {
      const folder = temporaryFolder();
      const base = await decodeSample("24.04", folder);
      const [, root] = JSON.parse(run("sfdisk", "--json", base)).partitiontable
        .partitions as readonly { readonly start: number }[];
      run(
        "debugfs",
        "-w",
        "-R",
        "set_super_value state 0",
        `${base}?offset=${(root?.start ?? 0) * 512}`,
      );
      const device = attachLoop(base);
      const given = {
        inventory: join(folder, "cluster.yaml"),
        base,
        insecure: true,
        out: join(folder, "out"),
      };
      const findings = [
        {
          code: "IMAGE_IN_USE",
          message: `the image is attached read-write as ${device}`,
        },
        {
          code: "FILE_SYSTEM_NOT_CLEAN",
          message: "the ext4 of partition 2 was not unmounted cleanly",
        },
      ];
      const built = await runInProcess("build", folder, (context) =>
        build(context, { ...given, format: "seed" }),
      );
      const released = await runInProcess("release", folder, (context) =>
        release(context, { ...given, role: "worker", format: ["img.zst"] }),
      );
      for (const { exit, said, records } of [built, released]) {
        expect(exit, said).toBe(0);
        expect(records).toContainEqual({
          type: "image",
          image: base,
          findings,
          notes: [],
        });
        for (const { message } of findings) {
          expect(said).toContain(`warning: ${message}`);
        }
      }
    });
  },
);
