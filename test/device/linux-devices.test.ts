// Machines that other flashers got wrong: which of their disks hold the running system.
import { describe, expect, test } from "vitest";
import type { BlockDevice } from "../../src/device/block-device.ts";
import {
  type LinuxFacts,
  linuxDevices,
} from "../../src/device/look/linux-devices.ts";
import { linuxFacts, node, part } from "./lsblk-fixture.ts";

const named = (facts: LinuxFacts): ReadonlyMap<string, BlockDevice> =>
  new Map(linuxDevices(facts).map((device) => [device.name, device]));

describe("linuxDevices", () => {
  test("sees the root file system on a USB disk", () => {
    const devices = named(
      linuxFacts(
        [
          node("sda", "8:0", { rm: true, tran: "usb" }, [
            part("sda1", "8:1", { fstype: "vfat", label: "system-boot" }),
            part("sda2", "8:2", { fstype: "ext4", label: "writable" }),
          ]),
          node("mmcblk0", "179:0", { subsystems: "block:mmc:mmc_host" }, [
            part("mmcblk0p1", "179:1"),
          ]),
        ],
        ["8:2 / ext4 /dev/root", "8:1 /boot/firmware vfat /dev/sda1"],
      ),
    );
    expect(devices.get("sda")).toMatchObject({
      system: "/dev/sda2 is mounted on /",
      uses: [
        { device: "/dev/sda1", at: "/boot/firmware" },
        { device: "/dev/sda2", at: "/" },
      ],
      partitions: [
        { path: "/dev/sda1", fsType: "vfat", label: "system-boot" },
        { path: "/dev/sda2", fsType: "ext4", label: "writable" },
      ],
    });
    expect(devices.get("mmcblk0")).toMatchObject({
      system: undefined,
      uses: [],
      transport: "mmc",
      removable: true,
    });
  });

  test("sees root and swap through LUKS and LVM, on a disk that says it is removable", () => {
    const swap = node("dm-2", "252:2", {
      path: "/dev/mapper/vg-swap",
      type: "lvm",
    });
    const root = node("dm-1", "252:1", {
      path: "/dev/mapper/vg-root",
      type: "lvm",
      fstype: "ext4",
    });
    const crypt = node(
      "dm-0",
      "252:0",
      { path: "/dev/mapper/luks", type: "crypt", fstype: "LVM2_member" },
      [root, swap],
    );
    const devices = named(
      linuxFacts(
        [
          node("nvme0n1", "259:0", { rm: true, tran: "nvme" }, [
            part("nvme0n1p1", "259:1"),
            part("nvme0n1p2", "259:2", { fstype: "crypto_LUKS" }, [crypt]),
          ]),
        ],
        ["252:1 / ext4 /dev/mapper/vg-root"],
        {
          swaps:
            "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-2   partition\t9\t0\t-2\n",
        },
      ),
    );
    expect(devices.get("nvme0n1")).toMatchObject({
      system: "/dev/mapper/vg-root is mounted on /",
      uses: [
        { device: "/dev/mapper/vg-root", at: "/" },
        { device: "/dev/mapper/vg-swap", at: "[SWAP]" },
      ],
      holders: [
        "/dev/mapper/luks",
        "/dev/mapper/vg-root",
        "/dev/mapper/vg-swap",
      ],
    });
    expect(devices.get("dm-1")?.kind).toBe("mapped");
  });

  test("gives both halves of a RAID the mounts of the RAID", () => {
    const raid = node("md0", "9:0", { type: "raid1", size: 16e9 }, []);
    const devices = named(
      linuxFacts(
        [
          node("sda", "8:0", {}, [part("sda1", "8:1", {}, [raid])]),
          node("sdb", "8:16", {}, [part("sdb1", "8:17", {}, [raid])]),
        ],
        ["9:0 /srv/photos ext4 /dev/md0"],
      ),
    );
    for (const name of ["sda", "sdb", "md0"]) {
      expect(devices.get(name)?.uses).toEqual([
        { device: "/dev/md0", at: "/srv/photos" },
      ]);
    }
    expect(devices.get("sdb")?.holders).toEqual(["/dev/md0"]);
    expect([...devices.keys()].filter((name) => name === "md0")).toHaveLength(
      1,
    );
  });

  test("finds every member of a btrfs and of a ZFS pool, which mount without a device number", () => {
    const devices = named(
      linuxFacts(
        [
          node("sda", "8:0", {}, [part("sda1", "8:1", { fstype: "btrfs" })]),
          node("sdb", "8:16", { fstype: "btrfs" }),
          node("sdc", "8:32", {}, [
            part("sdc1", "8:33", { fstype: "zfs_member", label: "tank" }),
          ]),
          node("sdd", "8:48", {}, [
            part("sdd1", "8:49", { fstype: "zfs_member", label: "other" }),
          ]),
        ],
        ["0:31 / btrfs /dev/sda1", "0:40 /media/tank zfs tank/photos"],
        { btrfs: [["sda1", "sdb"]] },
      ),
    );
    expect(devices.get("sda")?.system).toBe("/dev/sda1 is mounted on /");
    expect(devices.get("sdb")?.system).toBe("/dev/sdb is mounted on /");
    expect(devices.get("sdc")?.uses).toEqual([
      { device: "/dev/sdc1", at: "/media/tank" },
    ]);
    expect(devices.get("sdd")?.uses).toEqual([]);
  });

  test("believes the root directory's device when no mount names it", () => {
    const devices = named(
      linuxFacts([node("vda", "254:0")], ["0:22 / overlay overlay"], {
        root: ["vda"],
      }),
    );
    expect(devices.get("vda")?.system).toBe(
      "the root directory is on /dev/vda",
    );
  });

  test("sees mounts that exist only in another mount namespace", () => {
    const facts = linuxFacts([node("sdb", "8:16")], []);
    const devices = named({
      ...facts,
      mountinfo: [
        ...facts.mountinfo,
        "9 8 8:16 / /mnt/in\\040a\\040container rw - ext4 /dev/sdb rw",
      ],
    });
    expect(devices.get("sdb")?.uses).toEqual([
      { device: "/dev/sdb", at: "/mnt/in a container" },
    ]);
  });

  test("tells soldered eMMC from a card, and a loop device from a disk", () => {
    const mmc = { subsystems: "block:mmc:mmc_host:platform" };
    const devices = named(
      linuxFacts(
        [
          node("mmcblk0", "179:0", mmc),
          node("mmcblk1", "179:96", { ...mmc, tran: "mmc" }),
          node("loop0", "7:0", { type: "loop" }),
          node("zram0", "253:0", { size: 0 }),
          node("sr0", "11:0", { type: "rom", rm: true }),
        ],
        [],
        {
          soldered: new Set(["mmcblk0"]),
          byId: new Map([["mmcblk1", ["/dev/disk/by-id/mmc-SC32G_0x1234"]]]),
          sequences: new Map([["mmcblk1", "17"]]),
          holders: new Map([["loop0", ["dm-7"]]]),
        },
      ),
    );
    expect(devices.get("mmcblk0")?.removable).toBe(false);
    expect(devices.get("mmcblk1")).toMatchObject({
      removable: true,
      byId: ["/dev/disk/by-id/mmc-SC32G_0x1234"],
      diskSequence: "17",
    });
    expect(devices.get("loop0")).toMatchObject({
      kind: "loop",
      holders: ["/dev/dm-7"],
    });
    expect(devices.get("zram0")?.kind).toBe("virtual");
    expect(devices.get("sr0")?.kind).toBe("optical");
  });

  test("reads the quoted numbers of old util-linux, and stops at anything else", () => {
    const old = node("sda", "  8:0  ", {
      size: "31914983424",
      rm: "1",
      ro: "0",
      serial: "  0x1234abcd ",
      model: "",
    });
    expect(linuxDevices(linuxFacts([old], []))[0]).toMatchObject({
      number: "8:0",
      size: 31914983424,
      removable: true,
      readOnly: false,
      serial: "0x1234abcd",
      model: undefined,
    });
    expect(() =>
      linuxDevices(linuxFacts([node("sda", "8:0", { size: "many" })], [])),
    ).toThrow();
  });
});
