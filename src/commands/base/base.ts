// pi-image base: lists the catalogue, fetches or verifies one base image, updates the lockfile, and tidies the cache.
import { z } from "zod";
import { loadCacheEntries } from "../../network/cache-entries.ts";
import { loadCatalogue } from "../../base/load-catalogue.ts";
import { resolveBase } from "../../base/resolve-base.ts";
import { UserError } from "../../report/user-error.ts";
import { describeEntry, pruneBases } from "./base-prune.ts";
import { updateBases } from "./base-update.ts";
import type { Context } from "../../terminal/context.ts";
import { loadSigners } from "../signers.ts";

const baseOptions = z.object({
  sha256: z.string().optional(),
  signedBy: z.string().optional(),
  insecure: z.boolean().optional(),
  mirror: z.array(z.string()).optional(),
  inventory: z.string(),
  dryRun: z.boolean().optional(),
  all: z.boolean().optional(),
  maxSize: z.number().optional(),
});

const ACTIONS = ["list", "fetch", "verify", "update", "prune"] as const;

const list = async (context: Context): Promise<void> => {
  const { releases, samples } = await loadCatalogue(context.env);
  const entries = [...releases, ...samples].map(([name, { title }]) => ({
    name,
    title,
  }));
  for (const entry of entries) {
    context.printJson({ type: "base", ...entry });
  }
  const cached = (await loadCacheEntries(context.env)).toReversed();
  for (const { used, ...entry } of cached) {
    context.printJson({
      type: "cached",
      ...entry,
      used: used.toISOString(),
    });
  }
  const width = Math.max(...entries.map(({ name }) => name.length));
  context.print(
    [
      ...entries.map(({ name, title }) => `${name.padEnd(width)}  ${title}`),
      ...(cached.length === 0 ? [] : ["", "in the cache:"]),
      ...cached.map((entry) => `  ${describeEntry(entry)}`),
    ].join("\n"),
  );
};

/** The mirrors' addresses without a trailing slash. Throws WRONG_ARGUMENTS. */
const mirrorsOf = (urls: readonly string[]): readonly string[] =>
  urls.map((url) => {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
      throw new UserError(
        "WRONG_ARGUMENTS",
        `${url} is not an address of a mirror`,
        {
          state: "nothing was written",
          hint: "give one that begins with https:// or http://, as https://mirror.example/ubuntu-cdimage",
        },
      );
    }
    return url.replace(/\/+$/, "");
  });

export const base = async (
  context: Context,
  [action = "", name]: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = baseOptions.parse(given);
  const known = ACTIONS.find((candidate) => candidate === action);
  if (known === "list") {
    await list(context);
    return;
  }
  if (known === "update") {
    await updateBases(context, {
      inventory: options.inventory,
      name,
      dryRun: options.dryRun === true,
    });
    return;
  }
  if (known === "prune") {
    await pruneBases(context, {
      all: options.all === true,
      dryRun: options.dryRun === true,
      maxSize: options.maxSize,
    });
    return;
  }
  if (known === undefined || name === undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      known === undefined
        ? `base cannot ${JSON.stringify(action)}`
        : `base ${known} needs the name of a base`,
      {
        hint: "use: pi-image base list, fetch NAME, verify NAME, update, or prune",
      },
    );
  }
  // One operation serves both: fetching verifies the file, and verifying a name needs its file. Only `verify` always reads
  // every byte.
  const image = await resolveBase(
    {
      base: name,
      explicit: true,
      sha256: options.sha256,
      signedBy: await loadSigners(context, options),
      insecure: options.insecure,
    },
    {
      env: context.env,
      report: context.report,
      signal: context.signal,
      catalogue: await loadCatalogue(context.env),
      anew: known === "verify",
      mirrors: mirrorsOf(options.mirror ?? []),
    },
  );
  await image.close();
  context.printJson({
    type: "result",
    base: name,
    path: image.path,
    sha256: image.sha256,
    origin: image.origin,
  });
  context.print(`${image.path}\nsha256 ${image.sha256}`);
};
