// Makes an image like Ubuntu's for the benchmark: FAT with the smallest clusters, ext4 full of real files, .xz of 1 MiB blocks.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { digestImage } from "../../src/build/digest-image.ts";
import { mapUsed } from "../../src/image/block-map.ts";
import { renderBmap } from "../../src/image/bmap/bmap.ts";
import { openFileSource } from "../../src/image/source.ts";
import { writeFileAtomically } from "../../src/system/atomic-file.ts";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

export type BenchImage = {
  readonly mebibytes: number;
  readonly raw: string;
  /** Nothing beside it says what it uses: to pi-image it is a stranger's. */
  readonly xz: string;
  /** The same file, with its block map beside it. */
  readonly known: string;
  readonly bmap: string;
};

export const IMAGE_TOOLS = [
  "mkfs.vfat",
  "mke2fs",
  "sfdisk",
  "mcopy",
  "tar",
  "xz",
  "bash",
];

const sh = (folder: string, script: string): string =>
  execFileSync("bash", ["-ec", script], {
    cwd: folder,
    encoding: "utf8",
    env: toolEnvironment(),
    maxBuffer: 256 * 1024 ** 2,
    stdio: ["ignore", "pipe", "inherit"],
  });

const MIB = 1024 ** 2;

/** Ubuntu's image: 512 MiB for the boot partition of 3.5 GiB, three quarters of the root partition used. */
const BOOT_SHARE = 1 / 7;
const ROOT_USED = 0.72;
/** FAT32 has at least 65,525 clusters. */
const SMALLEST_BOOT = 34;

/** Copies real files of this system until they have `wanted` bytes, all of them again when there are too few. */
const fillTree = (folder: string, wanted: number): void => {
  const files = sh(
    folder,
    String.raw`find /usr -xdev -type f -printf '%s %p\n' | sort -k2`,
  )
    .trimEnd()
    .split("\n")
    .map((line) => ({
      size: Number(line.slice(0, line.indexOf(" "))),
      path: line.slice(line.indexOf(" ") + 1),
    }))
    // A few huge files would make two images of different sizes differ in kind.
    .filter(({ size }) => size < 64 * MIB);
  let left = wanted;
  for (let copy = 0; left > 0; copy += 1) {
    const list: string[] = [];
    for (const { size, path } of files) {
      if (left > 0) {
        list.push(path);
        left -= Math.ceil(size / 4096) * 4096 + 256;
      }
    }
    writeFileSync(join(folder, "list"), list.join("\n"));
    sh(
      folder,
      `mkdir -p tree/${copy}; tar -C / -T list --no-recursion -cf - 2>/dev/null | tar -C tree/${copy} -xf -`,
    );
  }
};

const makeRaw = (folder: string, mebibytes: number): void => {
  const boot = Math.max(
    SMALLEST_BOOT,
    Math.min(512, Math.floor(mebibytes * BOOT_SHARE)),
  );
  const root = mebibytes - 1 - boot;
  fillTree(folder, root * MIB * ROOT_USED);
  sh(
    folder,
    `truncate -s ${mebibytes}M image.part
     printf 'label: dos\\n2048,${boot * 2048},c,*\\n${(1 + boot) * 2048},,83\\n' | sfdisk -q image.part
     truncate -s ${boot}M boot; mkfs.vfat -S 512 -s 1 -F 32 -n SYSTEM-BOOT boot >/dev/null
     head -c ${Math.floor(boot / 7)}M /dev/urandom > initrd.img; mcopy -i boot initrd.img ::
     truncate -s ${root}M root; mke2fs -q -t ext4 -L writable -d tree root
     dd if=boot of=image.part bs=1M seek=1 conv=notrunc,sparse status=none
     dd if=root of=image.part bs=1M seek=${1 + boot} conv=notrunc,sparse status=none
     rm -rf tree list boot root initrd.img`,
  );
};

const writeBmap = async (raw: string, bmap: string): Promise<void> => {
  const source = await openFileSource(raw);
  try {
    const { ranges } = await mapUsed(source);
    const digests = await digestImage(raw, ranges, {
      subject: raw,
      report: () => undefined,
      signal: new AbortController().signal,
    });
    await writeFileAtomically(
      bmap,
      renderBmap({
        imageSize: source.size,
        ranges: ranges.map((range, index) => ({
          ...range,
          sha256: digests.ranges[index] ?? "",
        })),
      }),
    );
  } finally {
    await source.close();
  }
};

/** Made once for each size; a later run takes it as it is. */
export const benchImage = async (
  work: string,
  mebibytes: number,
): Promise<BenchImage> => {
  const folder = join(work, `image-${mebibytes}`);
  const raw = join(folder, "image.img");
  const image = {
    mebibytes,
    raw,
    xz: join(folder, "image.img.xz"),
    known: join(folder, "known", "image.img.xz"),
    bmap: join(folder, "known", "image.bmap"),
  };
  if (!existsSync(image.bmap)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, "known"), { recursive: true });
    makeRaw(folder, mebibytes);
    renameSync(join(folder, "image.part"), raw);
    // As Ubuntu's builder does it: level 0 with threads makes blocks of 1 MiB.
    sh(folder, "xz -0 -T2 --block-size=1MiB --keep image.img");
    linkSync(image.xz, image.known);
    await writeBmap(raw, image.bmap);
  }
  return image;
};
