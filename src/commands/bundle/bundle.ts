// pi-image bundle: what the cards of a cluster carry: list it, fetch it, take newer, write it to a file, send it, tidy the cache.
import { copyFile } from "node:fs/promises";
import { z } from "zod";
import { type LockedBundle, oldestList } from "../../bundle/locked-bundle.ts";
import { cachePath } from "../../network/cache.ts";
import { loadLock, lockPath } from "../../project/lock-file.ts";
import type { OpenedProject } from "../../project/opened-project.ts";
import { demandBundles, renewBundles } from "../../project/renew-bundles.ts";
import { formatBytes } from "../../report/amounts.ts";
import { day } from "../../report/day.ts";
import { UserError } from "../../report/user-error.ts";
import { publishFile, temporaryName } from "../../system/atomic-file.ts";
import { existsAt } from "../../system/read-if-there.ts";
import type { Context } from "../../terminal/context.ts";
import { pruneBases } from "../base/base-prune.ts";
import { openSoundSecrets } from "../kept-secrets.ts";
import { openProject } from "../open-project.ts";
import { signersOf } from "../signers.ts";
import { pushBundles } from "./bundle-push.ts";

const bundleOptions = z.object({
  inventory: z.string(),
  identity: z.string().optional(),
  base: z.string().optional(),
  dryRun: z.boolean().default(false),
  all: z.boolean().default(false),
  maxSize: z.number().optional(),
});

type BundleOptions = z.infer<typeof bundleOptions>;

const sizeOf = ({ packages }: LockedBundle): number =>
  packages.reduce((sum, { bytes }) => sum + bytes, 0);

const describe = (each: LockedBundle, cached: boolean): string =>
  [
    `${each.base}: Kubernetes ${each.kubernetes}, ${each.packages.length} packages (${formatBytes(sizeOf(each))}), ${each.images.length} images; lists of ${day(oldestList(each))}; ${cached ? "in the cache" : "not in the cache"}`,
    ...each.packages.map(({ name, version }) => `  ${name} ${version}`),
    ...each.images.map(({ name }) => `  ${name}`),
  ].join("\n");

/** One line for each package and image that is another one than before. */
const changes = (
  before: LockedBundle | undefined,
  after: LockedBundle,
): readonly string[] => {
  const entries = (each: LockedBundle | undefined) =>
    new Map([
      ...(each?.packages ?? []).map(
        ({ name, version }) => [name, version] as const,
      ),
      ...(each?.images ?? []).map(
        ({ name, digest }) => [name, digest.slice(0, 19)] as const,
      ),
    ]);
  const [was, is] = [entries(before), entries(after)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((name) =>
    was.get(name) === is.get(name)
      ? []
      : `  ${name}: ${was.get(name) ?? "not there"} -> ${is.get(name) ?? "left out"}`,
  );
};

const lockedBundles = async (
  opened: Pick<OpenedProject, "project" | "folder">,
  { inventory, base }: BundleOptions,
): Promise<readonly LockedBundle[]> => {
  demandBundles(opened, inventory);
  const lock = await loadLock(lockPath(opened.folder, inventory));
  const found = (lock?.bundles ?? []).filter(
    (each) => base === undefined || each.base === base,
  );
  if (found.length === 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      base === undefined
        ? "no bundle was made yet"
        : `no bundle was made for ${base}`,
      {
        hint: "`pi-image bundle fetch` makes what the cards need, and records it in the lockfile",
      },
    );
  }
  return found;
};

const placeOf = (context: Context, { sha256 }: LockedBundle): Promise<string> =>
  cachePath(context.env, "archives", sha256);

const list = async (
  context: Context,
  opened: OpenedProject,
  options: BundleOptions,
): Promise<void> => {
  for (const each of await lockedBundles(opened, options)) {
    const cached = await existsAt(await placeOf(context, each));
    context.printJson({ type: "bundle", ...each, cached });
    context.print(describe(each, cached));
  }
};

const fetch = async (
  context: Context,
  opened: OpenedProject,
  { inventory, dryRun }: BundleOptions,
  anew: boolean,
): Promise<void> => {
  const renewed = await renewBundles(context, opened, {
    inventory,
    anew,
    signedBy: signersOf({ inventory }, opened.trust),
  });
  for (const [base, bundle] of renewed.bundles) {
    const before = renewed.earlier.find(
      (each) => each.base === bundle.locked.base,
    );
    const differs = before?.sha256 !== bundle.sha256;
    const changed = changes(before, bundle.locked);
    const { path, bytes, sha256 } = bundle;
    context.printJson({ type: "result", base, path, bytes, sha256, changed });
    context.print(
      [
        `${base}: ${path} (${formatBytes(bytes)})${differs ? "" : ", as before"}`,
        ...(before === undefined ? [] : changed),
      ].join("\n"),
    );
  }
  if (dryRun) {
    context.print(`${renewed.lockFile} stays as it is (--dry-run)`);
    return;
  }
  await renewed.keep();
};

const write = async (
  context: Context,
  opened: OpenedProject,
  file: string,
  options: BundleOptions,
): Promise<void> => {
  const [only, ...others] = await lockedBundles(opened, options);
  if (only === undefined || others.length > 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "the cluster has a bundle for each of its bases",
      {
        facts: [only, ...others].map((each) => each?.base ?? ""),
        state: "nothing was written",
        hint: "say which one with --base",
      },
    );
  }
  const place = await placeOf(context, only);
  if (!(await existsAt(place))) {
    throw new UserError(
      "BUNDLE_UNREACHABLE",
      `the bundle for ${only.base} is not in the cache`,
      {
        state: "nothing was written",
        hint: "`pi-image bundle fetch` makes it again",
      },
    );
  }
  const partial = temporaryName(file);
  await copyFile(place, partial);
  await publishFile(partial, file);
  context.printJson({ type: "result", file, sha256: only.sha256 });
  context.print(
    `${file}\nsha256 ${only.sha256}\nOn the other computer: pi-image build --bundle ${file}, with ${opened.folder === "." ? "" : "the same "}cluster.yaml and its lockfile beside it.`,
  );
};

/** How many words each action takes behind it. */
const WORDS: Readonly<Record<string, readonly [least: number, most: number]>> =
  {
    list: [0, 0],
    fetch: [0, 0],
    update: [0, 0],
    write: [1, 1],
    push: [0, Infinity],
    prune: [0, 0],
  };

const demandWords = (action: string, words: readonly string[]): void => {
  const [least, most] = WORDS[action] ?? [Infinity, 0];
  if (words.length < least || words.length > most) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      action === "write" && words.length === 0
        ? "bundle write needs the name of a file"
        : `bundle cannot ${[action, ...words].join(" ")}`,
      {
        hint: "use: pi-image bundle list, fetch, update, write FILE, push [NODE...], or prune",
      },
    );
  }
};

export const bundle = async (
  context: Context,
  [action = "", ...words]: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = bundleOptions.parse(given);
  demandWords(action, words);
  const { inventory, identity, all, dryRun, maxSize } = options;
  if (action === "prune") {
    await pruneBases(context, { all, dryRun, maxSize });
    return;
  }
  if (action === "push") {
    const kept = await openSoundSecrets(context, { inventory, identity });
    const locked = await lockedBundles(kept, options);
    await pushBundles(context, words, kept, locked, dryRun);
    return;
  }
  const opened = await openProject(context, {
    inventory,
    mayBeImplied: false,
    secrets: "unneeded",
  });
  switch (action) {
    case "list":
      await list(context, opened, options);
      return;
    case "write":
      await write(context, opened, words[0] ?? "", options);
      return;
    default:
      await fetch(context, opened, options, action === "update");
  }
};
