// What is promised for whose image: a stranger's is on the card byte for byte however it is packed, on a card full of old data.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openImageFile } from "../../src/sources/image-source.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import { openTarget } from "../../src/device/open/open-target.ts";
import { flashImage } from "../../src/flash/run-flash.ts";
import { verifyAgainstImage } from "../../src/flash/verify-card.ts";
import { openForReading } from "../../src/device/open/open-for-reading.ts";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import { openGpg } from "../base/gpg.ts";
import {
  attachLoop,
  oldData,
  oldFile,
  run,
  temporaryFolder,
  usableTarget,
} from "../device/loop.ts";
import {
  FREE_BLOCK,
  makeStrangerImage,
  STRANGER_SIZE,
  STRANGER_TOOLS,
  type StrangerImage,
} from "../flash/stranger-image.ts";
import { runCli } from "../support/run-cli.ts";
import { describeAsRoot } from "../support/tools.ts";

const MIB = 1024 ** 2;
const CARD = STRANGER_SIZE + 2 * MIB;

/** How the same image is packed: the file's name, and what makes it of stranger.img. */
const PACKINGS: readonly (readonly [string, string])[] = [
  ["dense.img", "cp --sparse=never stranger.img dense.img"],
  ["blocks.img.xz", "xz -0 --block-size=1MiB -c stranger.img > blocks.img.xz"],
  ["one.img.xz", "xz -0 -c stranger.img > one.img.xz"],
  ["a.img.gz", "gzip -1 -c stranger.img > a.img.gz"],
  ["a.img.zst", "zstd -q -1 stranger.img -o a.img.zst"],
  ["stream.img.zst", "zstd -q -1 -c < stranger.img > stream.img.zst"],
  ["a.zip", "zip -q -1 a.zip stranger.img"],
];

const sha256Of = (path: string): string =>
  run("sha256sum", path).split(" ")[0] ?? "";

describeAsRoot(
  [...STRANGER_TOOLS, "losetup", "xz", "gzip", "zstd", "zip", "gpg"],
  "an image file",
  () => {
    let folder = "";
    let image: StrangerImage;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "pi-image-stranger-"));
      image = makeStrangerImage(folder);
      for (const [, pack] of PACKINGS) {
        execFileSync("sh", ["-ec", pack], { cwd: folder, stdio: "pipe" });
      }
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const oldCard = () => {
      const file = oldFile(join(temporaryFolder(), "card"), CARD);
      return { file, device: attachLoop(file) };
    };
    const surroundings = (home = folder) => ({
      env: { XDG_CONFIG_HOME: join(home, ".config") },
      report: () => undefined,
      signal: new AbortController().signal,
    });

    /** Writes it as the command does, onto a card that keeps what it held wherever nothing is written. */
    const flashTo = async (device: string, path: string, home?: string) => {
      const source = await openImageFile(surroundings(home), path);
      try {
        const target = await openTarget(
          await usableTarget(device),
          source.size,
          listDevices,
        );
        const [result] = await flashImage({
          reader: source.reader,
          ranges: source.ranges,
          wipe: false,
          discard: false,
          targets: [{ target, patch: source.patch }],
          proveImage: source.proveImage,
          report: () => undefined,
        });
        return { result, mapSource: source.mapSource };
      } finally {
        await source.close();
      }
    };

    /** The number of ranges that differ. */
    const differing = async (device: string, path: string, home?: string) => {
      const source = await openImageFile(surroundings(home), path);
      const target = await openForReading(await usableTarget(device));
      try {
        const report = () => undefined;
        const found = await verifyAgainstImage({ target, report }, source);
        return found.differing.length;
      } finally {
        await target.close();
        await source.close();
      }
    };

    const spoil = (device: string, offset: number): void => {
      run(
        "sh",
        "-c",
        `printf x | dd of=${device} bs=1 seek=${offset} conv=notrunc,fsync status=none`,
      );
    };

    test.each(PACKINGS)(
      "of a stranger is on the card byte for byte (%s)",
      async (name) => {
        const { file, device } = oldCard();
        const { result } = await flashTo(device, join(folder, name));
        expect(result?.error).toBeUndefined();
        run("cmp", `--bytes=${STRANGER_SIZE}`, image.path, device);
        image.demandVerity(file);
      },
    );

    test("of a stranger is compared as a whole by verify, with the image and with the receipt", async () => {
      const { file, device } = oldCard();
      // As behind a card reader that hands no discard on: the card keeps what it held.
      const tools = join(folder, "bin");
      mkdirSync(tools);
      writeFileSync(join(tools, "blkdiscard"), "#!/bin/sh\nexit 1\n", {
        mode: 0o755,
      });
      const pi = (...args: readonly string[]) =>
        runCli(args, {
          cwd: folder,
          env: { PATH: `${tools}:${process.env["PATH"] ?? ""}` },
        });
      const flashed = await pi("flash", device, "stranger.img", "--yes");
      expect(flashed.status, flashed.stderr).toBe(0);
      run("cmp", `--bytes=${STRANGER_SIZE}`, image.path, device);
      image.demandVerity(file);
      const packed = join(folder, "a.img.gz");
      expect(await differing(device, packed)).toBe(0);

      spoil(device, FREE_BLOCK);
      expect(() => image.demandVerity(file)).toThrow(/verif/i);
      expect(await differing(device, packed)).toBe(1);
      const receipt = await pi("verify", device);
      expect([receipt.status, receipt.stdout]).toEqual([5, ""]);
    });

    test("of a stranger costs no writes where the card reads as zeros already", async () => {
      const file = join(temporaryFolder(), "card");
      run("truncate", "-s", String(CARD), file);
      const device = attachLoop(file);
      const { result } = await flashTo(device, image.path);
      expect(result?.error).toBeUndefined();
      expect(result?.bytesWritten).toBeLessThan(STRANGER_SIZE / 2);
      expect(result?.bytesReadBack).toBeGreaterThanOrEqual(STRANGER_SIZE);
      run("cmp", `--bytes=${STRANGER_SIZE}`, image.path, device);
    });

    test("with a block map is on the card as far as the map says", async () => {
      const place = temporaryFolder();
      const path = join(place, "mapped.img");
      run("cp", "--sparse=always", image.path, path);
      const mapped = { offset: 0, length: 12 * MIB };
      const bytes = readFileSync(path).subarray(0, mapped.length);
      writeFileSync(join(place, "part"), bytes);
      const sha256 = sha256Of(join(place, "part"));
      writeFileSync(
        `${path}.bmap`,
        renderBmap({
          imageSize: STRANGER_SIZE,
          ranges: [{ ...mapped, sha256 }],
        }),
      );
      const { device } = oldCard();
      const { result, mapSource } = await flashTo(device, path);
      expect([result?.error, mapSource]).toEqual([undefined, "bmap file"]);
      run("cmp", `--bytes=${mapped.length}`, path, device);
      expect(await differing(device, path)).toBe(0);
      spoil(device, mapped.length + MIB);
      expect(await differing(device, path)).toBe(0);
      spoil(device, mapped.length - 1);
      expect(await differing(device, path)).toBe(1);
    });

    test("that a vendor of the catalogue has signed is written as far as file systems use it", async () => {
      const gpg = openGpg();
      try {
        const home = temporaryFolder();
        const key = gpg.makeKey("Vendor <vendor@example.com>");
        const config = join(home, ".config", "pi-image");
        mkdirSync(config, { recursive: true });
        writeFileSync(join(config, "vendor.asc"), key.armored);
        writeFileSync(
          join(config, "base-images.yaml"),
          `keys:
  vendor: {file: vendor.asc, fingerprint: ${key.fingerprint}}
releases:
  board:
    title: Board
    signed: list
    folder: https://vendor.invalid/
    file: board*.img
    key: vendor
`,
        );
        const path = join(home, "board-1.img");
        run("cp", "--sparse=always", image.path, path);
        const list = Buffer.from(`${sha256Of(path)} *board-1.img\n`);
        writeFileSync(join(home, "SHA256SUMS"), list);
        const unsigned = oldCard();
        const whole = await flashTo(unsigned.device, path, home);
        expect(whole.mapSource).toBe("whole image");

        const signature = join(home, "SHA256SUMS.gpg");
        writeFileSync(signature, gpg.sign(list, key));
        const { file, device } = oldCard();
        const { result, mapSource } = await flashTo(device, path, home);
        expect([result?.error, mapSource]).toEqual([undefined, "file systems"]);
        const held = readFileSync(file);
        const old = oldData(CARD);
        const end = FREE_BLOCK + 4096;
        expect(
          held.subarray(FREE_BLOCK, end).equals(old.subarray(FREE_BLOCK, end)),
        ).toBe(true);
        expect(await differing(device, path, home)).toBe(0);

        writeFileSync(signature, gpg.sign(Buffer.from("other"), key));
        await expect(flashTo(device, path, home)).rejects.toMatchObject({
          code: "SIGNATURE_WRONG",
        });
      } finally {
        gpg.close();
      }
    });
  },
);
