// Sees to it that git does not take the cluster's secrets along, and warns where it has them already.
import { homedir } from "node:os";
import { basename, dirname, relative, resolve } from "node:path";
import { commandLine } from "../system/run-tool.ts";
import {
  ignoreAllInGit,
  ignoreInGit,
  trackedByGit,
} from "../system/ignore-file.ts";
import { isOnlyResults } from "../build/private-out.ts";
import type { Context } from "./context.ts";

const SECRETS = "*.secrets.yaml";
const WHY = `pi-image: secrets. Remove the line ${SECRETS} once that file is encrypted.`;

/** ~/.gitignore may be the one that git uses for everything of this user's. */
const isHome = (folder: string): boolean =>
  [homedir(), "/"].includes(resolve(folder));

/** For a new project, which has neither results nor secrets yet. */
export const ignoreFromTheStart = async (
  context: Context,
  inventory: string,
): Promise<void> => {
  const folder = dirname(resolve(inventory));
  if (!isHome(folder) && (await ignoreInGit(folder, ["/out/", SECRETS], WHY))) {
    context.remark("Told git in .gitignore to leave out/ and secrets alone.");
  }
};

type Kept = {
  /** Path of the secrets file. */
  readonly secretsFile: string;
  readonly encrypted: boolean;
  readonly out: string;
};

const MOST_NAMED = 3;

/** After the secrets and the out folder were made; nothing of it can make a build fail. */
export const keepOutOfGit = async (
  context: Context,
  { secretsFile, encrypted, out }: Kept,
): Promise<void> => {
  if (await isOnlyResults(out)) {
    await ignoreAllInGit(out);
  }
  const folder = dirname(secretsFile);
  if (!encrypted && !isHome(folder)) {
    await ignoreInGit(folder, [SECRETS], WHY);
  }
  const results = relative(folder, resolve(out));
  const tracked = await trackedByGit(
    folder,
    [
      ...(encrypted ? [] : [basename(secretsFile)]),
      ...(results === "" || results.startsWith("..") ? [] : [results]),
    ],
    context.signal,
  );
  const [first] = tracked;
  if (first !== undefined) {
    const more = tracked.length - MOST_NAMED;
    context.report({
      type: "warning",
      message: `git tracks ${tracked.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}: whoever has the repository has the cluster's keys`,
      hint: `${commandLine("git", ["rm", "-r", "--cached", ...tracked.slice(0, MOST_NAMED)])}; if it was pushed, treat the keys as stolen`,
    });
  }
};
