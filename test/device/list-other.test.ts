// The listing for other systems, through the optional package, on whatever system this is.
import { describe, expect, test } from "vitest";
import { listOther } from "../../src/device/look/list-other.ts";

const installed = async (): Promise<boolean> => {
  try {
    await import("drivelist");
    return true;
  } catch {
    return false;
  }
};

describe.runIf(await installed())("listOther (needs drivelist)", () => {
  test("gives each drive a path, a size and its mounts", async () => {
    const devices = await listOther();
    for (const device of devices) {
      expect(device.path).toBe(`/dev/${device.name}`);
      expect(device.size).toBeGreaterThanOrEqual(0);
      const root = device.uses.find(({ at }) => at === "/");
      if (root !== undefined) {
        expect(device.system).toBe("it is mounted on /");
      }
    }
    expect(devices.length).toBeGreaterThan(0);
  });
});
