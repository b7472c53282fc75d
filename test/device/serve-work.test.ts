// What the helper with root's rights does for a process that somebody else may have taken over, and what it does not.
import { open } from "node:fs/promises";
import { expect, it } from "vitest";
import type { BlockDevice } from "../../src/device/block-device.ts";
import { listDevices } from "../../src/device/helper/device-work.ts";
import type { OpenedDevice } from "../../src/device/helper/give-devices.ts";
import { workServer } from "../../src/device/helper/serve-work.ts";
import { describeAsRoot } from "../support/tools.ts";
import { afterThisTest, attachLoop, oldFile, temporaryFolder } from "./loop.ts";

const MIB = 1024 ** 2;

describeAsRoot(["losetup", "lsblk"], "the helper for devices", () => {
  const opened = async (path: string, writable: boolean) => {
    const device = (await listDevices()).find((one) => one.path === path);
    if (device === undefined) {
      throw new Error(`${path} is not listed`);
    }
    const handle = await open(path, writable ? "r+" : "r");
    afterThisTest(() => handle.close());
    return { device, writable, opened: { handle, direct: false } };
  };

  /** Asks once, and gives the answer. */
  const ask = (
    devices: readonly OpenedDevice[],
    work: Readonly<Record<string, string>>,
  ): Promise<unknown> =>
    new Promise((resolve) => {
      const server = workServer(devices, 7, resolve);
      expect(server.take({ ask: 3, work })).toBe(true);
    });

  const changed = {
    answer: 3,
    error: expect.objectContaining({ code: "TARGET_CHANGED" }) as unknown,
  };

  it("works on what it opened for writing, and on nothing else", async () => {
    const folder = temporaryFolder();
    const card = attachLoop(oldFile(`${folder}/card`, MIB));
    const other = attachLoop(oldFile(`${folder}/other`, MIB));
    const written = await opened(card, true);
    const read = await opened(other, false);
    const discard = (device: string) =>
      ask([written, read], { do: "discard", device });
    expect(await discard(card)).toEqual({ answer: 3, value: "" });
    // Read only, never opened, another name of the same device, and no device.
    for (const path of [
      other,
      "/dev/null",
      `${folder}/card`,
      `/dev/./${card.slice(5)}`,
    ]) {
      expect(await discard(path)).toEqual(changed);
    }
    for (const what of ["look for medium", "forget", "read table", "eject"]) {
      expect(await ask([written, read], { do: what, device: other })).toEqual(
        changed,
      );
    }
    // The name leads to another device by now.
    const moved: BlockDevice = { ...written.device, path: other };
    expect(
      await ask([{ ...written, device: moved }], {
        do: "discard",
        device: other,
      }),
    ).toEqual(changed);
  });

  it("tells where the descriptors are, and what could not be opened", async () => {
    const card = attachLoop(oldFile(`${temporaryFolder()}/card`, MIB));
    const written = await opened(card, true);
    const error = { kind: "system", code: "EBUSY", message: "busy" } as const;
    const busy = { device: written.device, writable: true, opened: { error } };
    expect(await ask([busy, written, written], { do: "given" })).toEqual({
      answer: 3,
      value: [
        { device: written.device, opened: { error } },
        {
          device: written.device,
          opened: { fd: 7, direct: false, writable: true },
        },
        {
          device: written.device,
          opened: { fd: 8, direct: false, writable: true },
        },
      ],
    });
  });

  it.each([
    { ask: 1, work: { do: "write", device: "/dev/sda" } },
    { ask: 1, work: { do: "discard" } },
    { ask: "1", work: { do: "list" } },
    { exit: 0 },
    "stop",
    null,
  ])("takes no such message for a question: %j", (message) => {
    const server = workServer([], 4, () => expect.fail("answered"));
    expect(server.take(message)).toBe(false);
  });
});
