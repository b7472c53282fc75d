// Finds, verifies and opens the base images of a run, each once.
import { systemFacts } from "../inventory/boards/systems.ts";
import { loadCatalogue } from "../base/load-catalogue.ts";
import { decodedBaseFile, openDecodedBase } from "../base/decoded-base.ts";
import type { BaseImage, BasePin } from "../base/base-request.ts";
import { resolveBase } from "../base/resolve-base.ts";
import { isRootfs } from "../base/rootfs-base.ts";
import type { CacheOptions } from "../network/cache.ts";
import type { SignedBy } from "../base/proof/signed-by.ts";
import type { Source } from "../image/source.ts";
import { UserError } from "../report/user-error.ts";
import type { BaseRecord } from "../base/base-request.ts";

export type OpenBase = {
  readonly image: BaseImage;
  readonly record: BaseRecord;
  /** Whether what no file system uses may be left out, which it must not be for a base of unknown origin. */
  readonly known: boolean;
  /** Random access; for "seed" only a few blocks are needed, so nothing large is decoded. */
  readonly source: (purpose: "image" | "seed") => Promise<Source>;
  /** Path of the decoded base. */
  readonly rawPath: () => Promise<string>;
  readonly close: () => Promise<void>;
};

export type BasesOptions = CacheOptions & {
  /** Whether the user named the base on the command line. */
  readonly explicit: boolean;
  readonly sha256: string | undefined;
  readonly signedBy: SignedBy | undefined;
  readonly insecure: boolean;
  /** What the lockfile says about a base, by the user's name for it. */
  readonly pinOf: (base: string) => BasePin | undefined;
  /** Servers with copies of the vendors' images. */
  readonly mirrors: readonly string[];
  /** Whether only seeds are made, for which parts of an image that is not in the cache are enough. */
  readonly parts?: boolean;
};

const openBase = (image: BaseImage, options: CacheOptions): OpenBase => {
  const opened: Source[] = [];
  const rawPath = () => decodedBaseFile(image, options);
  return {
    image,
    record: { name: image.name, sha256: image.sha256, origin: image.origin },
    known: image.known === true,
    source: async (purpose) => {
      const source = await openDecodedBase(image, purpose, options);
      opened.push(source);
      return source;
    },
    rawPath,
    close: async () => {
      for (const source of opened) {
        await source.close();
      }
      await image.reader.close();
    },
  };
};

/**
 * The kind of seed is chosen by the name of the base alone, before the file is there. A root file system whose name does not
 * say what it is would get a seed for cloud-init, which it does not have. Throws BASE_UNSUITABLE.
 */
const demandKind = (base: string, { name }: BaseImage): void => {
  const rootfs = isRootfs(name);
  if (rootfs !== systemFacts(base).cloudInit) {
    return;
  }
  throw rootfs
    ? new UserError(
        "BASE_UNSUITABLE",
        `${base} is a root file system, and its name does not say that it is Arch Linux ARM's`,
        {
          state: "nothing was written",
          hint: "give one whose name contains archlinuxarm; for every other system, pi-image needs an image with cloud-init",
        },
      )
    : new UserError(
        "BASE_UNSUITABLE",
        `${base} has the name of Arch Linux ARM and is an image, into which pi-image cannot put the unit for the first boot`,
        {
          state: "nothing was written",
          hint: "give the root file system, such as ArchLinuxARM-rpi-aarch64-latest.tar.gz, or the name archlinuxarm",
        },
      );
};

/** Opens each of the named bases; close them all. Throws what `resolveBase` throws, and BASE_UNSUITABLE. */
export const openBases = async (
  names: readonly string[],
  options: BasesOptions,
): Promise<ReadonlyMap<string, OpenBase>> => {
  const catalogue = await loadCatalogue(options.env);
  const bases = new Map<string, OpenBase>();
  try {
    for (const base of new Set(names)) {
      const image = await resolveBase(
        {
          base,
          explicit: options.explicit,
          sha256: options.sha256,
          signedBy: options.signedBy,
          insecure: options.insecure,
          pin: options.pinOf(base),
        },
        { ...options, catalogue },
      );
      bases.set(base, openBase(image, options));
      demandKind(base, image);
    }
    return bases;
  } catch (error) {
    await Promise.all([...bases.values()].map((base) => base.close()));
    throw error;
  }
};
