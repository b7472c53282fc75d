// What build, flash and check share: the chosen nodes' seeds, filled once and complete before anything is written.
import { webcrypto } from "node:crypto";
import { join, relative } from "node:path";
import {
  gatherSupplies,
  type SuppliesRequest,
} from "../supplies/gather-supplies.ts";
import { loadFileAddons } from "../supplies/load-file-addons.ts";
import { loadPins } from "../supplies/load-pins.ts";
import { takeBundle } from "./take-bundle.ts";
import { demandBeginner, loadRestore } from "./load-restore.ts";
import { loadLock, lockPath, storeLock } from "./lock-file.ts";
import { mergeLock } from "../supplies/lock.ts";
import { publicKeyHash } from "../kubernetes/certificate.ts";
import { secretsFile } from "./opened-project.ts";
import {
  bundlesForCards,
  type ChosenBase,
  knownIndexes,
} from "./prepare-bundles.ts";
import type { Bundle } from "../bundle/make-bundle.ts";
import { lockBases, pinIn, wantedInLock } from "./lock-bases.ts";
import type { BasesOptions } from "./open-bases.ts";
import type { NodeSeed } from "./render-seeds.ts";
import { seedMaker } from "./seed-maker.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { withBase } from "../inventory/boards/base-facts.ts";
import { selectNodes } from "../inventory/select-nodes.ts";
import {
  type ClusterSecrets,
  trustedCas,
} from "../kubernetes/secrets/cluster-secrets.ts";
import {
  draftSecrets,
  keepSecrets,
  rehearseKeeping,
} from "../kubernetes/secrets/store-secrets.ts";
import { ageIdentityFile } from "../kubernetes/secrets/load-age-identities.ts";
import { kubernetesPackages } from "../seed/node-facts.ts";
import { buildTime } from "../system/clock.ts";
import { packageVersion } from "../system/package-files.ts";
import {
  demandNoErrors,
  type OpenedProject,
  type CommandSurroundings,
} from "./opened-project.ts";

/**
 * The bases of the chosen nodes. They decide whether a manifest may be missing: on a card made from a sample it may,
 * on one that can boot it may not.
 */
type ChosenBases = {
  /** `--base`, in place of every node's own. */
  readonly base: string | undefined;
  readonly bases: ReadonlyMap<string, ChosenBase>;
};

export type PreparedSeeds = {
  readonly project: ResolvedProject;
  readonly nodes: readonly ResolvedNode[];
  readonly buildTime: Date;
  readonly version: string;
  readonly secretsFile: string;
  readonly secretsExist: boolean;
  /** SHA-256 of the authority's public key in the lockfile; undefined where no card was built yet. */
  readonly lockedAuthority: string | undefined;
  /** The minor that the cluster was last seen running, such as "1.36"; undefined where it never was. */
  readonly runningMinor: string | undefined;
  /** The same of the authorities in the secrets file; empty without one. */
  readonly authorities: readonly string[];
  /** Passwords that were not at hand and are empty in the seeds, which must not be written then. See `LoadedInventory`. */
  readonly passwordsMissing: readonly string[];
  readonly lockFile: string;
  /** Every file of the project that is read or kept, and how messages describe it. */
  readonly files: readonly { readonly path: string; readonly what: string }[];
  /** Where base images come from: the pins and the mirrors. */
  readonly basesFrom: Pick<BasesOptions, "pinOf" | "mirrors">;
  /** The seeds that a build would write now, as far as the cache has what they need; nothing is fetched. */
  readonly seedsFromCache: () => Promise<readonly NodeSeed[]>;
  /**
   * Fetches what the cards need and returns the seeds to write; nothing is written to the project yet. Throws if it would
   * not be possible to store the secrets.
   */
  readonly supply: (chosen: ChosenBases) => Promise<SuppliedSeeds>;
};

export type SuppliedSeeds = {
  readonly seeds: readonly NodeSeed[];
  /** What the cards carry, by the inventory's name of the base. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /**
   * Makes or completes the cluster's secrets file, and writes the lockfile. The seeds stay exactly the same, unless another
   * run has made or changed the cluster meanwhile.
   */
  readonly keep: () => Promise<{
    readonly secrets: ClusterSecrets;
    readonly seeds: readonly NodeSeed[];
    /** Whether the secrets file is encrypted. */
    readonly encrypted: boolean;
  }>;
};

/**
 * Without its pod network, a cluster never becomes Ready. So if the base came from the network, which proves that there is
 * one, a missing manifest is an error. A user whose base is a local file may have no network at all; but only a sample, from
 * which no Pi boots, is no reason to leave out what a bundle needs.
 */
const mayLackManifests = (
  { cluster: { bundle } }: ResolvedProject,
  nodes: readonly ResolvedNode[],
  { base, bases }: ChosenBases,
): boolean =>
  nodes.every((node) => {
    const origin = bases.get(base ?? node.base)?.origin;
    return bundle ? origin === "sample" : origin !== "download";
  });

/** Shows every problem of inventory, profiles, fragments and seeds; throws PROJECT_HAS_PROBLEMS and WRONG_ARGUMENTS. */
export const prepareSeeds = async (
  surroundings: CommandSurroundings,
  opened: OpenedProject,
  args: {
    /** The inventory as the user wrote it. */
    readonly inventory: string;
    readonly hosts?: readonly string[] | undefined;
    readonly role?: string | undefined;
    /** `--base`, in place of every node's own. */
    readonly base?: string | undefined;
    /** age recipients to encrypt the secrets file to from now on. */
    readonly encryptTo?: readonly string[] | undefined;
    /** A file with the snapshot of etcd that the card is to begin with. */
    readonly restore?: string | undefined;
    /** A file with a bundle of the lockfile. */
    readonly bundle?: string | undefined;
  },
): Promise<PreparedSeeds> => {
  const { cwd, env, report, signal, remark } = surroundings;
  const { project, folder } = opened;
  const { nodes, problems: refused } = withBase(
    selectNodes(project, { hosts: args.hosts ?? [], role: args.role }),
    args.base,
    project.cluster,
  );
  demandNoErrors(surroundings, refused, opened.files);
  if (args.restore !== undefined) {
    demandBeginner(project, nodes, args.restore);
  }
  const addons = await loadFileAddons(project.cluster.addons, cwd);
  demandNoErrors(surroundings, addons.problems, addons.files);
  const time = buildTime(env);
  const version = packageVersion();
  const lockFile = lockPath(folder, args.inventory);
  const lock = await loadLock(lockFile);
  const file = secretsFile(folder, project);
  // Certificates expire by the real clock, whatever SOURCE_DATE_EPOCH says.
  const making = { now: new Date(), crypto: webcrypto };
  const draft = await draftSecrets(file, project, making, { env });
  const pins = await loadPins();
  const packages = kubernetesPackages(project);
  const bundlesOf = { project, nodes, packages, pins, lock };
  const download = {
    env,
    report,
    signal,
    userAgent: `pi-image/${version}`,
  };
  const gather = (whenMissing: SuppliesRequest["whenMissing"]) =>
    gatherSupplies(
      {
        project,
        nodes,
        fileAddons: addons.manifests,
        packages,
        pins,
        lock,
        lockFile: relative(cwd, lockFile),
        whenMissing,
        // Like certificates, the key expires by the real clock.
        now: new Date(),
      },
      download,
    );
  const restore =
    args.restore === undefined
      ? undefined
      : await loadRestore(args.restore, {
          authority:
            draft.loaded === undefined
              ? undefined
              : draft.secrets.ca.certificate,
          cluster: project.cluster.name,
          env,
        });
  const { check, make } = seedMaker(surroundings, opened, {
    nodes,
    manifests: addons.manifests,
    lock,
    buildTime: time,
    version,
    restore,
  });
  // Whatever is wrong with them is said before anything is fetched.
  check(draft.secrets);
  return {
    project,
    nodes,
    buildTime: time,
    version,
    secretsFile: file,
    secretsExist: draft.loaded !== undefined,
    lockedAuthority: lock?.cluster?.authority,
    runningMinor: lock?.cluster?.kubernetes,
    authorities:
      draft.loaded === undefined
        ? []
        : trustedCas(draft.secrets).map(({ certificate }) =>
            publicKeyHash(certificate),
          ),
    passwordsMissing: opened.passwordsMissing,
    lockFile,
    files: [
      { path: args.inventory, what: "the inventory" },
      { path: file, what: "the cluster's secrets file" },
      { path: lockFile, what: "the lockfile" },
      ...(args.restore === undefined
        ? []
        : [{ path: args.restore, what: "the snapshot to restore" }]),
      ...(args.bundle === undefined
        ? []
        : [{ path: args.bundle, what: "the bundle" }]),
      ...opened.named.map((path) => ({
        path,
        what: "a file that the inventory names",
      })),
      ...["profiles", "cloud-init"].map((name) => ({
        path: join(folder, name),
        what: "the project's profiles and fragments",
      })),
      { path: ageIdentityFile(undefined, env), what: "the age identity" },
    ],
    basesFrom: {
      pinOf: pinIn(lock, relative(cwd, lockFile)),
      mirrors: project.cluster.mirrors.baseImages,
    },
    seedsFromCache: async () => {
      const supplies = await gather("ignore");
      return make(draft.secrets, supplies, knownIndexes(bundlesOf, supplies));
    },
    supply: async (chosen) => {
      if (args.bundle !== undefined) {
        await takeBundle(
          args.bundle,
          lock?.bundles ?? [],
          relative(cwd, lockFile),
          download,
        );
      }
      const mayLack = mayLackManifests(project, nodes, chosen);
      const supplies = await gather(mayLack ? "warn" : "refuse");
      const { bundles, indexes } = await bundlesForCards(
        bundlesOf,
        supplies,
        chosen.bases,
        mayLack,
        download,
      );
      const found = {
        ...supplies.locked,
        kubernetes: project.cluster.kubernetes,
        authority: publicKeyHash(draft.secrets.ca.certificate),
        sshKeys: opened.sshKeys,
        bundles: project.cluster.bundle
          ? [...bundles.values()].map(({ locked }) => locked)
          : null,
        bases: await lockBases(chosen.bases, env),
      };
      const keeping = {
        env,
        encryptTo: args.encryptTo,
        draft,
        signal,
      };
      await rehearseKeeping(file, draft, keeping);
      const withBundles = (secrets: ClusterSecrets): readonly NodeSeed[] =>
        make(secrets, supplies, indexes).map((seed) => ({
          ...seed,
          bundle: bundles.get(seed.node.base),
        }));
      const prepared = withBundles(draft.secrets);
      return {
        seeds: prepared,
        bundles,
        keep: async () => {
          const { secrets, changes, encrypted } = await keepSecrets(
            file,
            project,
            making,
            keeping,
          );
          for (const change of changes) {
            remark(change);
          }
          await storeLock(
            lockFile,
            // The lockfile is read again, because another run may have written it while the user was thinking about the
            // question.
            mergeLock(
              await loadLock(lockFile),
              found,
              wantedInLock(project, pins),
            ),
          );
          return {
            secrets,
            encrypted,
            seeds: secrets === draft.secrets ? prepared : withBundles(secrets),
          };
        },
      };
    },
  };
};
