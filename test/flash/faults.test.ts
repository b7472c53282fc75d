// Cards, disks and files that fail: what the user is told, and that nothing unproven boots.
import { once } from "node:events";
import {
  closeSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import type { OpenTarget } from "../../src/device/opened-target.ts";
import type { ImageReader } from "../../src/image/reader.ts";
import { UserError } from "../../src/report/user-error.ts";
import { describeAsRoot } from "../support/tools.ts";
import {
  afterThisTest,
  attachLoop,
  oldData,
  oldFile,
  run,
  sparseFile,
  temporaryFolder,
} from "../device/loop.ts";
import { flash, only } from "./flash-run.ts";

const MIB = 1024 ** 2;
const SIZE = 20 * MIB;
/** More than the engine reads ahead and keeps in memory. */
const LARGE = 44 * MIB;

const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: made up`), { code });

/** Runs `before` ahead of every write that covers the offset. */
const onWrite =
  (offset: number, before: (times: number) => void | Promise<void>) =>
  (target: OpenTarget): OpenTarget => {
    let times = 0;
    return {
      ...target,
      write: async (data, at) => {
        if (at <= offset && offset < at + data.length) {
          times += 1;
          await before(times);
        }
        await target.write(data, at);
      },
    };
  };

describeAsRoot(["losetup", "lsblk"], "flashImage with faults", () => {
  let folder: string;
  let image: string;
  let bytes: Buffer;

  beforeEach(() => {
    folder = temporaryFolder();
    image = join(folder, "sample.img");
    makeImage(SIZE);
  });

  const makeImage = (size: number): void => {
    bytes = oldData(size);
    bytes.writeUInt16LE(0xaa55, 510);
    writeFileSync(image, bytes);
  };

  const card = (name = "card") => {
    const file = oldFile(join(folder, name), bytes.length + 4 * MIB);
    const device = attachLoop(file);
    const content = () => readFileSync(file);
    return {
      file,
      device,
      content,
      /** Changes what the medium holds, behind the block device's back. */
      damage: (offset: number) => {
        const backing = openSync(file, "r+");
        writeSync(backing, Buffer.from("rotten"), 0, 6, offset);
        closeSync(backing);
      },
      boots: () => !content().subarray(0, MIB).equals(Buffer.alloc(MIB)),
      holdsImage: () => content().subarray(0, bytes.length).equals(bytes),
    };
  };

  const everything = { used: "everything" } as const;

  test("finds what changed on the medium between writing and reading back, and repairs it", async () => {
    const bad = card();
    // The write itself succeeds; then the medium rots. The block device's cache would still show the right bytes.
    // The second bad place is found before the first: that write ends late, and two are in flight.
    const second = new AbortController();
    const rots = new Set([6 * MIB, 8 * MIB]);
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        if (!rots.delete(at)) {
          return;
        }
        bad.damage(at + 777);
        if (at === 6 * MIB) {
          await once(second.signal, "abort");
        } else {
          second.abort();
        }
      },
    });
    const flashed = await flash({
      ...everything,
      image,
      targets: [{ path: bad.device, wrap }],
    });
    expect(only(flashed)).toMatchObject({ error: undefined, rewritten: 2 });
    expect(bad.holdsImage()).toBe(true);
    expect(flashed.events).toContainEqual(
      expect.objectContaining({
        type: "warning",
        message: expect.stringContaining("2 of 19 pieces"),
      }),
    );
  });

  test("gives a card up that holds a place wrong every time, and leaves it unbootable", async () => {
    const bad = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        if (at === 10 * MIB) {
          bad.damage(at + 777);
        }
      },
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: bad.device, wrap }],
      }),
    );
    expect(error).toMatchObject({
      code: "READBACK_DIFFERS",
      exitCode: 5,
      facts: ["bytes 10,485,760 to 11,534,335 differ"],
      state: expect.stringContaining("does not boot"),
    });
    expect(bad.boots()).toBe(false);
  });

  test("empties the first MiB again when it reads back differently", async () => {
    const bad = card();
    let writes = 0;
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async (data, at) => {
        await target.write(data, at);
        writes += at === 0 ? 1 : 0;
        // The first time zeros are written there, the second time the partition table.
        if (at === 0 && writes === 2) {
          bad.damage(300);
        }
      },
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: bad.device, wrap }],
      }),
    );
    expect(error).toMatchObject({ code: "READBACK_DIFFERS" });
    expect(bad.boots()).toBe(false);
  });

  test("notices at once a card that ignores writes", async () => {
    const fake = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: async () => undefined,
    });
    const result = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: fake.device, wrap }],
      }),
    );
    expect(result).toMatchObject({
      bytesWritten: 0,
      error: { code: "READBACK_DIFFERS", exitCode: 5 },
    });
  });

  test("notices a counterfeit card that wraps around behind its real size", async () => {
    // So large that its beginning is read back before its end destroys it.
    makeImage(LARGE);
    const fake = card();
    const real = LARGE - 4 * MIB;
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      write: (data, at) => target.write(data, at % real),
      read: (into, at) => target.read(into, at % real),
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: fake.device, wrap }],
      }),
    );
    expect(error).toMatchObject({ code: "READBACK_DIFFERS" });
    expect(fake.boots()).toBe(false);
  });

  test("clears away what comes back after a discard", async () => {
    const odd = card();
    const end = bytes.length + 4 * MIB;
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...target,
      discard: async () => {
        odd.damage(510);
        odd.damage(end - 512);
      },
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        discard: true,
        targets: [{ path: odd.device, wrap }],
      }),
    );
    expect(error).toBeUndefined();
    expect(
      odd
        .content()
        .subarray(end - MIB)
        .equals(Buffer.alloc(MIB)),
    ).toBe(true);
  });

  test.each([
    ["EIO", "FLASH_WRITE_FAILED", "does not take or give its bytes (EIO)"],
    ["EROFS", "FLASH_WRITE_FAILED", "stopped taking writes"],
    ["ENOSPC", "FLASH_WRITE_FAILED", "ran out of space before its own size"],
    ["ENODEV", "TARGET_GONE", "disappeared"],
    ["ENXIO", "TARGET_GONE", "disappeared"],
  ])("%s while writing: %s", async (code, expected, words) => {
    const bad = card();
    const wrap = onWrite(15 * MIB, () => {
      throw systemError(code);
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: bad.device, wrap }],
      }),
    );
    expect(error).toMatchObject({
      code: expected,
      exitCode: 1,
      message: expect.stringContaining(words),
      state: expect.stringContaining("does not boot"),
    });
    expect(bad.boots()).toBe(false);
  });

  test("tells a card that was pulled out from a bad one, by whether it is still there", async () => {
    const bad = card();
    const wrap = (target: OpenTarget): OpenTarget => ({
      ...onWrite(15 * MIB, () => {
        throw systemError("EIO");
      })(target),
      present: async () => false,
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: bad.device, wrap }],
      }),
    );
    expect(error).toMatchObject({ code: "TARGET_GONE" });
  });

  test("a real I/O error: the disk under a loop device is full", async () => {
    const small = temporaryFolder();
    run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small);
    afterThisTest(() => run("umount", small));
    const device = attachLoop(sparseFile(join(small, "card"), SIZE));
    const { error } = only(
      await flash({ ...everything, image, targets: [{ path: device }] }),
    );
    expect(error).toMatchObject({ code: "FLASH_WRITE_FAILED", exitCode: 1 });
    const head = readFileSync(join(small, "card")).subarray(0, MIB);
    expect(head.equals(Buffer.alloc(MIB))).toBe(true);
  });

  test("a target file on a full disk", async () => {
    const small = temporaryFolder();
    run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small);
    afterThisTest(() => run("umount", small));
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: join(small, "card.img") }],
      }),
    );
    expect(error).toMatchObject({
      code: "FLASH_WRITE_FAILED",
      message: expect.stringContaining("there is no room"),
    });
  });

  test("Ctrl-C in the middle leaves a card that does not boot, and says so", async () => {
    const stopped = card();
    const controller = new AbortController();
    const wrap = onWrite(15 * MIB, () => controller.abort("SIGINT"));
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: stopped.device, wrap }],
        signal: controller.signal,
      }),
    );
    expect(error).toMatchObject({
      code: "CANCELLED",
      exitCode: 130,
      state: expect.stringContaining("does not boot"),
    });
    expect(stopped.boots()).toBe(false);
  });

  test("Ctrl-C before the first write leaves the card alone", async () => {
    const untouched = card();
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: untouched.device }],
        signal: AbortSignal.abort("SIGINT"),
      }),
    );
    expect(error).toMatchObject({
      code: "CANCELLED",
      state: `nothing was written to ${untouched.device}`,
    });
    expect(untouched.content().equals(oldData(SIZE + 4 * MIB))).toBe(true);
  });

  test("an image that turns out damaged never becomes bootable", async () => {
    const good = card();
    const wrapReader = (reader: ImageReader): ImageReader => ({
      ...reader,
      chunks: async function* (ranges) {
        yield* reader.chunks(ranges);
        throw new UserError("IMAGE_DAMAGED", "block 7 has the wrong checksum");
      },
    });
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: good.device }],
        wrapReader,
      }),
    );
    expect(error).toMatchObject({
      code: "IMAGE_DAMAGED",
      exitCode: 4,
      message: "block 7 has the wrong checksum",
      state: expect.stringContaining("does not boot"),
    });
    expect(good.boots()).toBe(false);
  });

  test("a device that stops answering is named, then given up, and the others finish", async () => {
    const silent = card("silent");
    const good = card("good");
    let closeSilent = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closeSilent = target.close;
      return onWrite(12 * MIB, () => new Promise(() => undefined))(target);
    };
    const { results, events } = await flash({
      ...everything,
      image,
      targets: [{ path: silent.device, wrap }, { path: good.device }],
      stallLimits: { warn: 300, giveUp: 3000, stopped: 300 },
    });
    expect(results.map(({ error }) => error?.code)).toEqual([
      "TARGET_STALLED",
      undefined,
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "warning",
        subject: silent.device,
        message: expect.stringMatching(/has not answered for .* while writing/),
      }),
    );
    expect(good.holdsImage()).toBe(true);
    expect(silent.boots()).toBe(false);
    // A real request that never ends keeps the device open as long as this process lives.
    await closeSilent();
  });

  test("does not wait for the kernel's patience with a card that was pulled out", async () => {
    const pulled = card();
    let closePulled = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closePulled = target.close;
      return onWrite(12 * MIB, () => {
        truncateSync(pulled.file, MIB);
        run("losetup", "--set-capacity", pulled.device);
        return new Promise(() => undefined);
      })(target);
    };
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: pulled.device, wrap }],
      }),
    );
    expect(error).toMatchObject({ code: "TARGET_GONE", exitCode: 1 });
    expect(pulled.boots()).toBe(false);
    await closePulled();
  });

  test("Ctrl-C does not wait for a device that stopped answering", async () => {
    const silent = card();
    const controller = new AbortController();
    let closeSilent = async (): Promise<void> => undefined;
    const wrap = (target: OpenTarget): OpenTarget => {
      closeSilent = target.close;
      return onWrite(12 * MIB, () => {
        controller.abort("SIGINT");
        return new Promise(() => undefined);
      })(target);
    };
    const { error } = only(
      await flash({
        ...everything,
        image,
        targets: [{ path: silent.device, wrap }],
        signal: controller.signal,
        stallLimits: { warn: 600_000, giveUp: 600_000, stopped: 50 },
      }),
    );
    expect(error).toMatchObject({ code: "CANCELLED" });
    expect(silent.boots()).toBe(false);
    await closeSilent();
  });

  test("one bad card does not stop the others", async () => {
    const cards = [card("one"), card("two"), card("three")];
    const faults = [
      onWrite(2 * MIB, () => {
        throw systemError("EIO");
      }),
      (target: OpenTarget) => target,
      (target: OpenTarget): OpenTarget => ({
        ...target,
        read: (into, at) =>
          at === 17 * MIB
            ? Promise.reject(systemError("EIO"))
            : target.read(into, at),
      }),
    ];
    const { results } = await flash({
      ...everything,
      image,
      targets: cards.map(({ device }, index) => ({
        path: device,
        wrap: faults[index] ?? ((target) => target),
      })),
    });
    expect(results.map(({ error }) => error?.code)).toEqual([
      "FLASH_WRITE_FAILED",
      undefined,
      "FLASH_WRITE_FAILED",
    ]);
    expect(cards.map(({ boots }) => boots())).toEqual([false, true, false]);
    expect(cards[1]?.holdsImage()).toBe(true);
  });

  test("a slow card slows the decoder down instead of filling memory", async () => {
    makeImage(LARGE);
    const slow = card("slow");
    const fast = card("fast");
    let decoded = 0;
    let whenHeld = 0;
    const wrap = onWrite(4 * MIB, async () => {
      // Long enough for the fast card to take all that memory allows.
      await setTimeout(500);
      whenHeld = decoded;
    });
    const { results } = await flash({
      ...everything,
      image,
      targets: [{ path: slow.device, wrap }, { path: fast.device }],
      wrapReader: (reader) => ({
        ...reader,
        chunks: async function* (ranges) {
          for await (const chunk of reader.chunks(ranges)) {
            decoded = chunk.offset + chunk.data.length;
            yield chunk;
          }
        },
      }),
    });
    expect(whenHeld).toBeGreaterThan(4 * MIB);
    expect(whenHeld).toBeLessThan(32 * MIB);
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(slow.holdsImage()).toBe(true);
    expect(fast.holdsImage()).toBe(true);
  });

  test("a patch outside of what is written is a bug, found before the first write", async () => {
    const { device, content } = card();
    const patch = [{ offset: 10 * MIB, data: Buffer.from("lost") }];
    await expect(
      flash({ image, used: [], targets: [{ path: device, patch }] }),
    ).rejects.toThrow("would not be written");
    expect(content().equals(oldData(SIZE + 4 * MIB))).toBe(true);
  });

  test("a bug is not dressed up as a card's failure", async () => {
    const { device } = card();
    const wrap = onWrite(15 * MIB, () => {
      throw new TypeError("ours");
    });
    await expect(
      flash({ ...everything, image, targets: [{ path: device, wrap }] }),
    ).rejects.toThrow("ours");
  });
});
