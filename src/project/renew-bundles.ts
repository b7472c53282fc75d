// Makes the bundles of all nodes of a project without making cards, and records them.
import { relative } from "node:path";
import type { ProvenBase } from "../base/proven-base.ts";
import type { SignedBy } from "../base/proof/signed-by.ts";
import type { Bundle } from "../bundle/make-bundle.ts";
import type { LockedBundle } from "../bundle/locked-bundle.ts";
import { kubernetesPackages } from "../seed/node-facts.ts";
import { gatherSupplies } from "../supplies/gather-supplies.ts";
import { loadFileAddons } from "../supplies/load-file-addons.ts";
import { loadPins } from "../supplies/load-pins.ts";
import { type Lock, mergeLock } from "../supplies/lock.ts";
import { packageVersion } from "../system/package-files.ts";
import { UserError } from "../report/user-error.ts";
import { lockBases, pinIn, wantedInLock } from "./lock-bases.ts";
import { loadLock, lockPath, storeLock } from "./lock-file.ts";
import { openBases } from "./open-bases.ts";
import {
  type CommandSurroundings,
  demandNoErrors,
  type OpenedProject,
} from "./opened-project.ts";
import { fetchBundles } from "./prepare-bundles.ts";

type RenewedBundles = {
  /** By the inventory's name of the base. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** What the lockfile had before. */
  readonly earlier: readonly LockedBundle[];
  /** Writes the lockfile. */
  readonly keep: () => Promise<void>;
  readonly lockFile: string;
};

/** Throws WRONG_ARGUMENTS for a cluster whose cards carry nothing. */
export const demandBundles = (
  { project }: Pick<OpenedProject, "project">,
  inventory: string,
): void => {
  if (!project.cluster.bundle) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `the cards of ${project.cluster.name} carry no bundle`,
      {
        hint: `write \`offline: true\` under \`cluster\` in ${inventory} for nodes without internet, or \`bundle: true\` for a faster first boot`,
      },
    );
  }
};

/** Packages and images are looked up again, but lists that are older than those of the last time are refused as ever. */
const forgotten = (lock: Lock): Lock => ({
  ...lock,
  bundles: lock.bundles?.map((each) => ({
    ...each,
    baseSha256: "",
    images: [],
  })),
});

type Renewal = {
  /** The inventory as the user wrote it. */
  readonly inventory: string;
  /** Whether newer packages and images than the lockfile's are taken. */
  readonly anew: boolean;
};

/** For bases that are open. Throws as `fetchBundles` does. */
export const bundlesOfBases = async (
  surroundings: CommandSurroundings,
  opened: OpenedProject,
  bases: ReadonlyMap<string, ProvenBase>,
  { inventory, anew }: Renewal,
): Promise<RenewedBundles> => {
  const { cwd, env, report, signal } = surroundings;
  const { project, folder } = opened;
  const addons = await loadFileAddons(project.cluster.addons, cwd);
  demandNoErrors(surroundings, addons.problems, addons.files);
  const lockFile = lockPath(folder, inventory);
  const shownLock = relative(cwd, lockFile);
  const lock = await loadLock(lockFile);
  const pins = await loadPins();
  const packages = kubernetesPackages(project);
  const download = {
    env,
    report,
    signal,
    userAgent: `pi-image/${packageVersion()}`,
  };
  const supplies = await gatherSupplies(
    {
      project,
      nodes: project.nodes,
      fileAddons: addons.manifests,
      packages,
      pins,
      lock,
      lockFile: shownLock,
      whenMissing: "refuse",
      now: new Date(),
    },
    download,
  );
  const bundles = await fetchBundles(
    {
      project,
      nodes: project.nodes,
      packages,
      pins,
      lock: anew && lock !== undefined ? forgotten(lock) : lock,
    },
    supplies,
    bases,
    false,
    download,
  );
  const found = {
    ...supplies.locked,
    kubernetes: project.cluster.kubernetes,
    bases: await lockBases(bases, env),
    bundles: [...bundles.values()].map(({ locked }) => locked),
  };
  return {
    bundles,
    earlier: lock?.bundles ?? [],
    lockFile: shownLock,
    keep: async () =>
      storeLock(
        lockFile,
        mergeLock(await loadLock(lockFile), found, wantedInLock(project, pins)),
      ),
  };
};

/** Of all nodes' bases. Throws as `fetchBundles` does. */
export const renewBundles = async (
  surroundings: CommandSurroundings,
  opened: OpenedProject,
  {
    signedBy,
    ...renewal
  }: Renewal & { readonly signedBy: SignedBy | undefined },
): Promise<RenewedBundles> => {
  const { inventory } = renewal;
  demandBundles(opened, inventory);
  const { cwd, env, report, signal } = surroundings;
  const { project, folder } = opened;
  const lockFile = lockPath(folder, inventory);
  const bases = await openBases(
    project.nodes.map(({ base }) => base),
    {
      env,
      report,
      signal,
      explicit: true,
      sha256: undefined,
      signedBy,
      insecure: false,
      pinOf: pinIn(await loadLock(lockFile), relative(cwd, lockFile)),
      mirrors: project.cluster.mirrors.baseImages,
    },
  );
  try {
    return await bundlesOfBases(surroundings, opened, bases, renewal);
  } finally {
    await Promise.all([...bases.values()].map((base) => base.close()));
  }
};
