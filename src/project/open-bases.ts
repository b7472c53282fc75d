// Finds, proves and opens the base images of a run, each once.
import { systemFacts } from "../inventory/boards/systems.ts";
import { loadCatalogue } from "../base/load-catalogue.ts";
import type { BasePin } from "../base/base-request.ts";
import type { ProvenBase } from "../base/proven-base.ts";
import { resolveBase } from "../base/resolve-base.ts";
import { isRootfs } from "../base/rootfs-base.ts";
import type { CacheOptions } from "../network/cache.ts";
import type { SignedBy } from "../base/proof/signed-by.ts";
import { UserError } from "../report/user-error.ts";

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

/**
 * The kind of seed is chosen by the name of the base alone, before the file is there. A root file system whose name does not
 * say what it is would get a seed for cloud-init, which it does not have. Throws BASE_UNSUITABLE.
 */
const demandKind = (base: string, { name }: ProvenBase): void => {
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
): Promise<ReadonlyMap<string, ProvenBase>> => {
  const catalogue = await loadCatalogue(options.env);
  const bases = new Map<string, ProvenBase>();
  try {
    for (const base of new Set(names)) {
      const proven = await resolveBase(
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
      bases.set(base, proven);
      demandKind(base, proven);
    }
    return bases;
  } catch (error) {
    await Promise.all([...bases.values()].map((base) => base.close()));
    throw error;
  }
};
