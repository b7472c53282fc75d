// A base that is not an image but a root file system: its image is made once and kept in the cache.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CLOSING_EDITS, isOneMachines } from "../image/rootfs/close-rootfs.ts";
import type { RootfsFile } from "../image/rootfs/make-rootfs-image.ts";
import { packageFile } from "../system/package-files.ts";
import type { FoundBase } from "./base-request.ts";
import type { CacheOptions } from "../network/cache.ts";
import { cachedRaw } from "./decoded-base.ts";
import { digestFile } from "../network/digest-file.ts";

/** Raised when the image made from the same archive changes. */
const VERSION = 4;

/** Whether it is a root file system, judged by the vendor's name; nobody publishes an image inside a tar archive. */
export const isRootfs = (name: string): boolean =>
  /\.(tar|tar\.gz|tgz)$/i.test(name);

const UNITS = "etc/systemd/system";

/** Name under cloud-init/first-boot/ -> place and permissions. */
const FILES = [
  { name: "boot-firmware.mount", folder: UNITS, mode: 0o644 },
  { name: "pi-image-first-boot.service", folder: UNITS, mode: 0o644 },
  { name: "sshd.conf", folder: `${UNITS}/sshd.service.d`, mode: 0o644 },
  { name: "first-boot", folder: "usr/local/lib/pi-image", mode: 0o755 },
] as const;

/** The links that `systemctl enable` would make. */
const LINKS = [
  { unit: "boot-firmware.mount", wantedBy: "local-fs.target" },
  { unit: "pi-image-first-boot.service", wantedBy: "multi-user.target" },
] as const;

/** These systems have no cloud-init, so the image needs a unit of our own in its place. */
const firstBootFiles = async (): Promise<readonly RootfsFile[]> => [
  ...(await Promise.all(
    FILES.map(async ({ name, folder, mode }) => ({
      path: `${folder}/${name}`,
      mode,
      data: await readFile(packageFile(`cloud-init/first-boot/${name}`)),
    })),
  )),
  ...LINKS.map(({ unit, wantedBy }) => ({
    path: `${UNITS}/${wantedBy}.wants/${unit}`,
    mode: 0o777,
    target: `../${unit}`,
  })),
];

/** The path of the image, which is read-only. Throws what `makeRootfsImage` throws, DISK_FULL and CACHE_UNUSABLE. */
export const rootfsBase = (
  found: FoundBase,
  options: CacheOptions,
): Promise<string> =>
  cachedRaw(`${found.sha256}-${VERSION}.img`, found, options, async (image) => {
    const phase = "make image";
    options.report({ type: "phase", phase, subject: found.name });
    // The scratch folder is beside the image, because /tmp may be in memory.
    const scratch = await mkdtemp(join(dirname(image), ".rootfs-"));
    try {
      const { makeRootfsImage } =
        await import("../image/rootfs/make-rootfs-image.ts");
      await makeRootfsImage({
        archive: found.path,
        sha256: found.sha256,
        image,
        scratch,
        files: await firstBootFiles(),
        edits: CLOSING_EDITS,
        leftOut: isOneMachines,
        signal: options.signal,
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    return digestFile(image, { ...options, subject: found.name });
  });
