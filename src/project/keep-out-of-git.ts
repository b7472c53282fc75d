// Keeps the cluster's secrets out of git, and warns where git has them already.
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { commandLine } from "../system/run/run-tool.ts";
import { ignoreInGit, trackedByGit } from "../system/ignore-file.ts";
import { copiesInOut, isPlainFile, plainSecretsIn } from "./plain-copies.ts";
import type { CommandSurroundings } from "./opened-project.ts";

const SECRETS = "*.secrets.yaml";
const WHY = `pi-image: secrets. Remove the line ${SECRETS} once that file is encrypted.`;

/** The home folder is left alone, because ~/.gitignore may be the one that git uses for all of the user's projects. */
const isHome = (folder: string): boolean =>
  [homedir(), "/"].includes(resolve(folder));

const MOST_NAMED = 3;

const tell = async (
  surroundings: CommandSurroundings,
  folder: string,
  names: readonly string[],
): Promise<void> => {
  const tracked =
    names.length === 0
      ? []
      : await trackedByGit(folder, names, surroundings.signal);
  if (tracked.length > 0) {
    const named = tracked.slice(0, MOST_NAMED);
    const more = tracked.length - MOST_NAMED;
    const here = relative(surroundings.cwd, folder);
    surroundings.report({
      type: "warning",
      message: `git tracks ${named.map((name) => join(here, name)).join(", ")}${more > 0 ? ` and ${more} more` : ""}: whoever has the repository has the cluster's keys`,
      hint: `${commandLine("git", [...(here === "" ? [] : ["-C", here]), "rm", "--cached", "--", ...named])}; if it was pushed, treat the keys as stolen`,
    });
  }
};

type Project = {
  /** Where the secrets file is, or would be. */
  readonly folder: string;
  readonly out: string;
};

/** Warns where git already has unencrypted secrets of the project; never makes a command fail. */
export const tellWhatGitTracks = async (
  surroundings: CommandSurroundings,
  { folder, out }: Project,
): Promise<void> => {
  const beside = await plainSecretsIn(folder);
  const results = (await copiesInOut(out)).map(({ path }) => resolve(path));
  const inside = results.every(
    (path) => !relative(folder, path).startsWith(".."),
  );
  // A folder given with --out may be in another work tree.
  await tell(surroundings, folder, [
    ...beside,
    ...(inside ? results.map((path) => relative(folder, path)) : []),
  ]);
  if (!inside) {
    const real = resolve(out);
    await tell(
      surroundings,
      real,
      results.map((path) => relative(real, path)),
    );
  }
};

type Kept = Project & {
  /** Undefined where the run does not use one. */
  readonly secretsFile: string | undefined;
};

/** Called after the secrets and the out folder were made. */
export const keepOutOfGit = async (
  surroundings: CommandSurroundings,
  { folder, secretsFile, out }: Kept,
): Promise<void> => {
  if (
    secretsFile !== undefined &&
    !isHome(folder) &&
    (await isPlainFile(secretsFile))
  ) {
    await ignoreInGit(folder, [SECRETS], WHY);
  }
  await tellWhatGitTracks(surroundings, { folder, out });
};

/** Called after a backup that is not encrypted. */
export const keepBackupsOutOfGit = async (
  surroundings: Pick<CommandSurroundings, "remark">,
  folder: string,
): Promise<void> => {
  if (
    !isHome(folder) &&
    (await ignoreInGit(
      folder,
      ["*.backups/"],
      "pi-image: backups of a cluster's state",
    ))
  ) {
    surroundings.remark("Told git in .gitignore to leave backups alone.");
  }
};

/** Called when a project is started. */
export const ignoreFromTheStart = async (
  surroundings: CommandSurroundings,
  inventory: string,
): Promise<void> => {
  const folder = dirname(resolve(inventory));
  if (!isHome(folder) && (await ignoreInGit(folder, ["/out/", SECRETS], WHY))) {
    surroundings.remark(
      "Told git in .gitignore to leave out/ and secrets alone.",
    );
  }
  // `init` may also replace an inventory, in a project that has secrets already.
  await tellWhatGitTracks(surroundings, { folder, out: join(folder, "out") });
};
