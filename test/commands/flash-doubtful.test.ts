// Images that something is wrong with: told before anything is written, and refused where nobody is asked.
import {
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { openImageFile } from "../../src/commands/image-source.ts";
import { demandSoundImage } from "../../src/commands/look-at-image.ts";
import { runTool } from "../../src/system/run-tool.ts";
import {
  attachLoop,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const MIB = 1024 ** 2;
const SIZE = 96 * MIB;
const MBR =
  "label: dos\nstart=2048,size=81920,type=c\nstart=90112,size=98304,type=83\n";
const GPT =
  "label: gpt\nstart=2048,size=81920,type=U\nstart=90112,size=98304\n";

const makeImage = async (folder: string, script = MBR): Promise<string> => {
  const path = sparseFile(join(folder, "a.img"), SIZE);
  await runTool("sfdisk", ["-q", path], { input: script });
  run("mkfs.vfat", "-F", "32", "--offset", "2048", path, "40960");
  const root = sparseFile(join(folder, "root"), 48 * MIB);
  run("mkfs.ext4", "-q", root);
  run(
    "dd",
    `if=${root}`,
    `of=${path}`,
    "bs=1M",
    "seek=44",
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
      truncateSync(path, 80 * MIB);
      expect(await codesOf(path)).toEqual(["PARTITION_BEYOND_END"]);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 1 }));
      expect(await codesOf(`${path}.gz`)).toEqual(["PARTITION_BEYOND_END"]);
      run("zstd", "-q", path);
      expect(await codesOf(`${path}.zst`)).toEqual(["PARTITION_BEYOND_END"]);
      const gpt = await makeImage(folder, GPT);
      expect(await codesOf(gpt)).toEqual([]);
      truncateSync(gpt, 94 * MIB);
      expect(await codesOf(gpt)).toEqual(["GPT_CUT_SHORT"]);
      run("xz", "-0", "-k", gpt);
      expect(await codesOf(`${gpt}.xz`)).toEqual(["GPT_CUT_SHORT"]);
    });

    it("is found out by its file systems and by who uses it", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      setBytes(path, MIB + 65, 1);
      setBytes(path, 44 * MIB + 1024 + 0x3a, 0);
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
        `${path}?offset=${44 * MIB}`,
      );
      const card = oldFile(join(folder, "card"), SIZE);
      const before = readFileSync(card);
      const flash = (...more: readonly string[]) =>
        runCli(["flash", card, path, "--yes", ...more], { cwd: folder });
      const refused = await flash();
      expect(refused.status).toBe(2);
      expect(refused.stderr).toMatch(/^error\[IMAGE_DOUBTFUL\]/m);
      expect(refused.stderr).toContain(
        "the ext4 of partition 2 was not unmounted cleanly",
      );
      expect(readFileSync(card).equals(before)).toBe(true);
      const taken = await flash("--insecure", "--json");
      expect(taken.status).toBe(0);
      const finding = {
        code: "FILE_SYSTEM_NOT_CLEAN",
        message: "the ext4 of partition 2 was not unmounted cleanly",
      };
      const records = taken.stdout
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line));
      expect(records).toContainEqual(
        expect.objectContaining({ type: "image", findings: [finding] }),
      );
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
      const proven = await flash();
      expect(proven.stderr).toContain(`warning: ${finding.message}`);
      expect(proven.status).toBe(0);
      run("cmp", path, card);
    });

    it("is refused for sectors that it was not made for, and what is there is seen", async () => {
      const folder = temporaryFolder();
      const path = await makeImage(folder);
      const file = sparseFile(join(folder, "disk"), 128 * MIB);
      const loop = attachLoop(file, "--sector-size", "4096");
      await runTool("sfdisk", ["-q", loop], {
        input: "label: gpt\n256,16384\n",
      });
      const photos = sparseFile(join(folder, "photos"), 64 * MIB);
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
      const refused = await runCli(["flash", loop, path, "--yes"], {
        cwd: folder,
      });
      expect(refused.status).toBe(3);
      expect(refused.stderr).toContain(
        `error[TARGET_OTHER_SECTORS]: ${loop} has sectors of 4096 bytes, and the image's partition table is made for 512`,
      );
      const listed = await runCli(["devices"], { cwd: folder });
      expect(listed.stdout).toMatch(
        new RegExp(`^${loop} .*4096-byte sectors`, "m"),
      );
      // An image that was made there fits, and the disk's content is named first.
      const copy = join(folder, "copy.img");
      run("dd", `if=${loop}`, `of=${copy}`, "bs=1M", "status=none");
      const flashed = await runCli(["flash", loop, copy, "--yes"], {
        cwd: folder,
      });
      expect(flashed.stderr).toContain('partition 1: ext4 "photos"');
      expect(flashed.status).toBe(0);
      run("cmp", copy, loop);
      run("sfdisk", "--verify", loop);
    });
  },
);
