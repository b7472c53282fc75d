// pi-image base update: shows for which base images the vendors have newer files than the lockfile, and takes those.
import { relative } from "node:path";
import { loadLock, lockPath, storeLock } from "../../project/lock-file.ts";
import { loadPins } from "../../supplies/load-pins.ts";
import { mergeLock } from "../../supplies/lock.ts";
import type { BasePin, ResolveOptions } from "../../base/base-request.ts";
import { baseFailure } from "../../base/base-failure.ts";
import { isOlder } from "../../base/proof/is-older.ts";
import { loadCatalogue } from "../../base/load-catalogue.ts";
import { NetworkFailure } from "../../network/network-failure.ts";
import { fetchReleaseFile, findRelease } from "../../base/resolve-release.ts";
import { lockName, pinIn, wantedInLock } from "../../project/lock-bases.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import { openProject } from "../open-project.ts";

type UpdateArguments = {
  readonly inventory: string;
  /** Undefined for every base of the inventory that is in the catalogue. */
  readonly name: string | undefined;
  readonly dryRun: boolean;
};

type Update = {
  readonly base: string;
  readonly before: { readonly file: string; readonly sha256: string } | null;
  readonly after: { readonly file: string; readonly sha256: string | null };
  /** The server's file where it was not taken because the pinned one is newer. */
  readonly refused?: string;
};

const short = (sha256: string): string => sha256.slice(0, 12);

const isSame = ({ before, after }: Update): boolean =>
  before?.sha256 === after.sha256;

const describe = (update: Update): string => {
  const { base, before, after, refused } = update;
  const digest = after.sha256 === null ? "" : ` (${short(after.sha256)})`;
  if (refused !== undefined) {
    return `${base}: ${after.file}${digest} stays, because the server only has ${refused}, which is older; to take that one, remove this base from the lockfile`;
  }
  if (isSame(update)) {
    return `${base}: ${after.file}${digest} is the newest`;
  }
  return before === null
    ? `${base}: ${after.file}${digest}, not pinned before`
    : `${base}: ${before.file} (${short(before.sha256)}) -> ${after.file}${digest}`;
};

/** Looks up one release; with `take`, also fetches and verifies its image. */
const updateOf = async (
  base: string,
  pin: BasePin | undefined,
  take: boolean,
  options: ResolveOptions,
): Promise<Update> => {
  const release = options.catalogue.releases.get(base);
  if (release === undefined) {
    throw new Error(`${base} is not a release of the catalogue`);
  }
  const before =
    pin === undefined ? null : { file: pin.file, sha256: pin.sha256 };
  try {
    const found = await findRelease(base, release, options);
    if (found.stale !== undefined) {
      throw found.stale;
    }
    const { newest } = found;
    // A mirror that lags behind, or is kept behind on purpose, serves an older list, whose signature is as valid as that of
    // the newest.
    if (before !== null && isOlder(newest.file, before.file)) {
      return { base, before, after: before, refused: newest.file };
    }
    const { file, sha256 } = take
      ? await fetchReleaseFile(found.newest, found, options).then(
          ({ name, ...rest }) => ({ file: name, ...rest }),
        )
      : found.newest;
    return { base, before, after: { file, sha256: sha256 ?? null } };
  } catch (error) {
    throw error instanceof NetworkFailure ? baseFailure(base, error) : error;
  }
};

/** The names to look up. Throws WRONG_ARGUMENTS for a base that has no newer versions. */
const namesToUpdate = (
  name: string | undefined,
  inInventory: readonly string[],
  { catalogue }: ResolveOptions,
): readonly string[] => {
  const releases = (name === undefined ? inInventory : [name]).filter((each) =>
    catalogue.releases.has(each),
  );
  if (releases.length === 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      name === undefined
        ? "the inventory names no base of the catalogue, so there is nothing to update"
        : `${name} is not a base of the catalogue`,
      {
        hint: "a file or an address stays what it is; `pi-image base list` shows what can be updated",
      },
    );
  }
  return [...new Set(releases)];
};

export const updateBases = async (
  context: Context,
  { inventory, name, dryRun }: UpdateArguments,
): Promise<void> => {
  const { project, folder } = await openProject(context, {
    inventory,
    mayBeImplied: false,
    secrets: "unneeded",
  });
  const lockFile = lockPath(folder, inventory);
  const shownLock = relative(context.cwd, lockFile);
  const lock = await loadLock(lockFile);
  const pinOf = pinIn(lock, shownLock);
  const options: ResolveOptions = {
    env: context.env,
    report: context.report,
    signal: context.signal,
    catalogue: await loadCatalogue(context.env),
    mirrors: project.cluster.mirrors.baseImages,
  };
  const names = namesToUpdate(
    name,
    project.nodes.map(({ base }) => base),
    options,
  );
  const updates: Update[] = [];
  for (const base of names) {
    const update = await updateOf(base, pinOf(base), !dryRun, options);
    updates.push(update);
    context.printJson({ type: "base-update", ...update });
    context.print(describe(update));
  }
  if (dryRun) {
    return;
  }
  const bases = updates.map(({ base, after }) => {
    if (after.sha256 === null) {
      throw new Error(`${after.file} was fetched and has a digest`);
    }
    return { name: lockName(base), file: after.file, sha256: after.sha256 };
  });
  await storeLock(
    lockFile,
    mergeLock(
      lock,
      {
        kubernetes: lock?.kubernetes ?? project.cluster.kubernetes,
        bases,
        manifests: [],
        keys: [],
      },
      wantedInLock(project, await loadPins()),
    ),
  );
  if (updates.some((update) => !isSame(update))) {
    context.print(
      `${shownLock} pins ${updates.length === 1 ? "it" : "them"} now: cards that are built from here on differ from earlier ones`,
    );
  }
};
