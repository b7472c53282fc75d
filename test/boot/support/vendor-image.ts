// A base image with more in its root partition: the stand-ins, or real Kubernetes binaries.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runTool } from "../../../src/system/run/run-tool.ts";
import type { Base } from "../base/base-image.ts";
import { ROOT_OFFSET } from "../base/disk-layout.ts";

const STAND_INS = join(import.meta.dirname, "../stand-ins");

/** Tools of the board, shared with the tests of the node's scripts. */
const FAKES = join(import.meta.dirname, "../../node/fakes/board");
const BOARD_TOOLS = [
  "board.sh",
  "vcgencmd",
  "rpi-eeprom-config",
  "rpi-eeprom-update",
];

const RADIO = join(import.meta.dirname, "../radio");

export const RASPIOS = join(import.meta.dirname, "../raspios");

const hashOfFolder = (folder: string): string => {
  const hash = createHash("sha256");
  for (const entry of readdirSync(folder, {
    recursive: true,
    withFileTypes: true,
  }).filter((entry) => entry.isFile())) {
    const path = join(entry.parentPath, entry.name);
    hash.update(path).update("\0").update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 16);
};

const MIB = 1024 * 1024;

/** Makes the root partition, the last of the image, and its file system larger. */
const growRoot = async (image: string, mib: number): Promise<void> => {
  // In a file of its own: root in a container may lack the right to grow a mounted file system, and resize2fs cuts off
  // the file that it was given an offset into.
  const partition = `${image}.root`;
  const start = ROOT_OFFSET / MIB;
  const size = (await stat(image)).size / MIB - start + mib;
  await runTool("dd", [
    `if=${image}`,
    `of=${partition}`,
    "bs=1M",
    `skip=${start}`,
    "conv=sparse",
  ]);
  await runTool("resize2fs", ["-f", partition, `${size}M`], {
    package: "e2fsprogs",
  });
  await runTool("truncate", [`--size=${start}M`, image]);
  await runTool("dd", [
    `if=${partition}`,
    `of=${image}`,
    "bs=1M",
    `seek=${start}`,
    "conv=sparse,notrunc",
  ]);
  await runTool("truncate", [`--size=${start + size}M`, image]);
  await runTool("sfdisk", ["--quiet", "-N", "2", image], {
    package: "fdisk",
    input: `, ${size}M\n`,
  });
  await rm(partition);
};

/** Copies an image and changes its root partition, which is mounted at the folder that `change` gets. */
const changeRoot = async (
  base: string,
  image: string,
  change: (root: string) => Promise<unknown>,
  growMib: number,
): Promise<void> => {
  const work = await mkdtemp(join(dirname(image), "making-"));
  const copy = join(work, "image");
  const root = join(work, "root");
  try {
    await runTool("cp", ["--sparse=always", base, copy]);
    if (growMib > 0) {
      await growRoot(copy, growMib);
    }
    await runTool("mkdir", [root]);
    await runTool("mount", ["-o", `loop,offset=${ROOT_OFFSET}`, copy, root]);
    try {
      await change(root);
    } finally {
      await runTool("umount", [root]);
    }
    await rename(copy, image);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

const addStandIns = async (root: string): Promise<void> => {
  await runTool("cp", ["-r", STAND_INS, join(root, "opt/stand-ins")]);
  await runTool("mkdir", [join(root, "opt/stand-ins/orders")]);
  const fakes = join(root, "opt/stand-ins/fakes/board");
  await runTool("mkdir", ["-p", fakes]);
  await runTool("cp", [...BOARD_TOOLS.map((name) => join(FAKES, name)), fakes]);
  await runTool("sh", [
    "-c",
    'cp "$1"/opt/stand-ins/bin/* "$1/usr/local/sbin/"',
    "sh",
    root,
  ]);
};

/** Two simulated radios: the node's own, and one with an access point. */
const addRadio = async (root: string): Promise<void> => {
  await runTool("cp", ["-r", `${RADIO}/.`, root]);
  await runTool("systemctl", [
    "--quiet",
    "--root",
    root,
    "enable",
    "test-access-point@wpa2.service",
  ]);
};

/** An image that is made once for the contents of these folders, beside the base itself. */
export const cachedImage = async (
  base: Base,
  kind: string,
  folders: readonly string[],
  change: (root: string) => Promise<void>,
  growMib = 0,
): Promise<string> => {
  const name = `${kind}-${folders.map(hashOfFolder).join("-")}.img`;
  const image = join(dirname(base.image), name);
  if (!existsSync(image)) {
    for (const old of readdirSync(dirname(image))) {
      if (old.startsWith(`${kind}-`)) {
        await rm(join(dirname(image), old));
      }
    }
    await changeRoot(base.image, image, change, growMib);
  }
  return image;
};

/** The base whose package manager and Kubernetes are stand-ins. */
export const standInImage = (base: Base): Promise<string> =>
  cachedImage(base, "stand-ins", [STAND_INS, FAKES], addStandIns);

/** The same for a board that finds an access point in the air. */
export const radioImage = (base: Base): Promise<string> =>
  cachedImage(base, "radio", [STAND_INS, FAKES, RADIO], async (root) => {
    await addStandIns(root);
    await addRadio(root);
  });

/** What Raspberry Pi OS needs of room in an image that has grown by its packages, in MiB. */
export const RASPIOS_MIB = 256;

/** Gives a root the network of Raspberry Pi OS; its image needs a name with "raspios" in it, as pi-image goes by it. */
export const shapeRaspios = async (root: string): Promise<void> => {
  await runTool("unshare", [
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    join(RASPIOS, "shape.sh"),
    root,
  ]);
};

/** The stand-ins on the network of Raspberry Pi OS. */
export const raspiosImage = (base: Base): Promise<string> =>
  cachedImage(
    base,
    "raspios",
    [STAND_INS, FAKES, RASPIOS],
    async (root) => {
      await shapeRaspios(root);
      await addStandIns(root);
    },
    RASPIOS_MIB,
  );
