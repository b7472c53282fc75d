// Where an image of the sample base may go.
import { describe, expect, it } from "vitest";
import { demandRealBase } from "../../src/commands/flash/demand-real-base.ts";
import type { BlockDevice } from "../../src/device/block-device.ts";
import type { UsableTarget } from "../../src/device/target.ts";

const device = (kind: BlockDevice["kind"]): UsableTarget => ({
  kind: "device",
  path: "/dev/sda",
  byId: false,
  device: {
    path: "/dev/sda",
    name: "sda",
    number: "8:0",
    byId: [],
    kind,
    size: 64e9,
    logicalBlock: 512,
    physicalBlock: 512,
    removable: true,
    readOnly: false,
    transport: "usb",
    vendor: undefined,
    model: undefined,
    serial: "0x1234abcd",
    diskSequence: undefined,
    group: undefined,
    partitions: [],
    uses: [],
    holders: [],
    system: undefined,
  },
});

const SAMPLE = { sample: true, label: "worker2" };

describe("an image of the sample base", () => {
  it("does not go onto a real card by itself", () => {
    expect(() => demandRealBase(device("disk"), SAMPLE, undefined)).toThrow(
      "worker2 is made from the sample base, which no Raspberry Pi boots",
    );
  });

  it("goes there when it is asked for", () => {
    demandRealBase(device("disk"), SAMPLE, "sample");
  });

  it("goes onto a loop device, and a real image everywhere", () => {
    demandRealBase(device("loop"), SAMPLE, undefined);
    demandRealBase(
      device("disk"),
      { sample: false, label: "worker2" },
      undefined,
    );
  });
});
