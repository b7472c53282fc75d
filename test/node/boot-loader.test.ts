// The order in which a boot loader tries the media: the node's script and the build decide alike.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { editBootConf, wantedOrder } from "../../src/firmware/boot-order.ts";

const script = fileURLToPath(
  new URL(
    "../../cloud-init/files/usr/local/lib/pi-image/boot-loader.sh",
    import.meta.url,
  ),
);

const inShell = (
  settings: string,
  disk: string,
  first: boolean,
  probe: boolean,
): string =>
  execFileSync(
    "bash",
    ["--norc", "-euc", '. "$1"; wanted_settings "$(cat)"', "bash", script],
    {
      input: settings,
      encoding: "utf8",
      stdio: "pipe",
      env: {
        PATH: process.env["PATH"],
        root: "",
        state: "/nonexistent",
        PI_IMAGE_DISK: disk,
        PI_IMAGE_KEEP_CARD: first ? "yes" : "no",
        probe: probe ? "yes" : "no",
      },
    },
  );

describe("the boot order", () => {
  it.each([
    ["f461", "nvme", false, "f461"],
    ["f461", "nvme", true, "f416"],
    ["f41", "nvme", false, "f416"],
    ["f41", "usb", false, "f41"],
    ["f41", "usb", true, "f14"],
    ["f14", "usb", true, "f14"],
    ["f25641", "nvme", true, "f25416"],
    ["e1234567", "usb", true, "e1234567"],
    ["e2345671", "usb", true, "e2356714"],
    // Eight digits are all that it reads: what would be tried last falls out.
    ["f1234577", "nvme", false, "12345776"],
  ] as const)(
    "0x%s becomes, for %s first=%s, 0x%s",
    (order, disk, first, wanted) => {
      expect(wantedOrder(order, { disk, first })).toBe(wanted);
    },
  );

  const SETTINGS = [
    "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf461\nNET_INSTALL_AT_POWER_ON=1\n",
    "BOOT_UART=0\nWAKE_ON_GPIO=1\n",
    "[all]\n\nBOOT_ORDER=0xf41\n[none]\nFREEZE_VERSION=0\n",
    "BOOT_ORDER=0xF41\nPCIE_PROBE=1\n[cm4]\nBOOT_ORDER=0xf1\n",
    "BOOT_ORDER=0xf1\nPCIE_PROBE=0\n",
  ];
  const wishes = (["nvme", "usb"] as const).flatMap((disk) =>
    [true, false].flatMap((first) =>
      [true, false].map((probe) => ({ disk, first, probe })),
    ),
  );

  it.each(SETTINGS)(
    "is edited alike on the laptop and on the node: %j",
    (settings) => {
      for (const wish of wishes) {
        const { disk, first, probe } = wish;
        const lines = (text: string) =>
          text.split("\n").filter((line) => line !== "");
        expect(
          lines(inShell(settings, disk, first, probe)),
          JSON.stringify(wish),
        ).toEqual(lines(editBootConf(settings, wish)));
      }
    },
  );

  it("leaves the text alone where nothing is missing", () => {
    const text = "[all]\n\nBOOT_ORDER=0xf416\n";
    expect(
      editBootConf(text, { disk: "nvme", first: true, probe: false }),
    ).toBe(text);
  });
});
