// config.txt and the command line of the golden clusters' nodes, a board of each family among them.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  bootSettings,
  roleBootSettings,
} from "../../src/build/boot-changes.ts";
import { effectiveCmdlinePaths } from "../../src/image/boot/cmdline-paths.ts";
import { editCmdline } from "../../src/image/boot/cmdline-txt.ts";
import { splitSections } from "../../src/inventory/boards/board-config.ts";
import { editConfigTxt } from "../../src/image/boot/config-txt.ts";
import { loadInventory } from "../../src/inventory/load/load-inventory.ts";
import { completeHardware } from "../../src/inventory/boards/hardware.ts";
import { goldenFolder, sampleNode } from "../seed/sample-project.ts";

const configs = async (name: string): Promise<string> => {
  const { project } = await loadInventory({
    path: join(goldenFolder, name, "cluster.yaml"),
    env: {},
  });
  return (project?.nodes ?? [])
    .map((node) => {
      const text = editConfigTxt("", bootSettings(node).config);
      return `== ${node.name}: ${node.board}, ${node.storage}\n${text}`;
    })
    .join("");
};

/** The layout of Ubuntu 24.04, and that of 26.04 with two generations. */
const LAYOUTS = {
  one: { config: "", paths: ["cmdline.txt"] },
  generations: {
    config: "[all]\nos_prefix=current/\n[tryboot]\nos_prefix=new/\n",
    paths: ["current/cmdline.txt", "new/cmdline.txt"],
  },
};

describe("cmdline.txt", () => {
  it.each(["one", "generations"] as const)(
    "gets the nodes' own words in every file of the layout %s",
    async (layout) => {
      const { project } = await loadInventory({
        path: join(goldenFolder, "host", "cluster.yaml"),
        env: {},
      });
      const { config, paths } = LAYOUTS[layout];
      expect(
        effectiveCmdlinePaths(config, (path) => paths.includes(path)),
      ).toEqual(paths);
      const lines = (project?.nodes ?? []).map((node) =>
        editCmdline(
          "console=serial0,115200 root=LABEL=writable usb-storage.quirks=1:2:u rootwait\n",
          bootSettings(node).cmdline,
        ),
      );
      expect(lines.slice(0, 2)).toEqual([
        "console=serial0,115200 root=LABEL=writable usb-storage.quirks=1:2:u rootwait cgroup_enable=memory cgroup_memory=1 console=tty1\n",
        "console=serial0,115200 root=LABEL=writable usb-storage.quirks=152d:0578:u rootwait cgroup_enable=memory cgroup_memory=1\n",
      ]);
    },
  );
});

describe("lines for config.txt as people paste them", () => {
  it("keep filters that add up, and where an overlay ends", () => {
    const pasted = [
      "# the display",
      "dtoverlay=vc4-kms-v3d",
      "dtoverlay=",
      "dtparam=spi=on",
      "[pi5]",
      "usb_max_current_enable=1",
      "[gpio4=1]",
      "dtparam=uart0_console",
      "",
      "[all]",
      "gpu_mem=16",
      "[board-type=0x17]",
      "arm_boost=1",
    ];
    expect(editConfigTxt("", splitSections(pasted))).toBe(
      [
        "# >>> pi-image",
        "[all]",
        "dtoverlay=vc4-kms-v3d",
        "dtoverlay=",
        "dtparam=spi=on",
        "gpu_mem=16",
        "[pi5]",
        "usb_max_current_enable=1",
        "[all]",
        "[pi5]",
        "[gpio4=1]",
        "dtparam=uart0_console",
        "[all]",
        "[board-type=0x17]",
        "arm_boost=1",
        "[all]",
        "# <<< pi-image",
        "",
      ].join("\n"),
    );
  });
});

describe("config.txt", () => {
  it.each(["boards", "storage"])("of the nodes in %s", async (name) => {
    await expect(await configs(name)).toMatchFileSnapshot(
      `../golden/boot-settings/nodes-${name}.txt`,
    );
  });
});

describe("memory pages of 4 KiB", () => {
  const kernelOf = (
    board: "pi4" | "pi5" | "cm5" | "pi500",
    base: string,
    smallPages?: boolean,
  ) =>
    bootSettings({
      ...sampleNode,
      board,
      base,
      hardware: completeHardware({ smallPages }),
    }).config;
  const chosen = [{ section: "pi5", lines: ["kernel=kernel8.img"] }];

  it("are chosen where Raspberry Pi OS has another kernel, and nowhere else", () => {
    expect(kernelOf("pi5", "raspios-trixie")).toEqual(chosen);
    expect(kernelOf("cm5", "my/2025-raspios.img.xz")).toEqual(chosen);
    expect(kernelOf("pi500", "raspios-trixie", true)).toEqual(chosen);
    expect(kernelOf("pi5", "raspios-trixie", false)).toEqual([]);
    expect(kernelOf("pi4", "raspios-trixie")).toEqual([]);
    // Their boot partitions have no kernel of this name, or no other.
    expect(kernelOf("pi5", "ubuntu-24.04", true)).toEqual([]);
    expect(kernelOf("pi5", "archlinuxarm")).toEqual([]);
  });

  it("are chosen for every board that may get a role image", () => {
    expect(roleBootSettings("raspios-trixie").config).toEqual(chosen);
    expect(roleBootSettings("ubuntu-26.04").config).toEqual([]);
  });
});
