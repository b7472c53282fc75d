// Which bases are published by their makers: whatever looks like a secret in them is public, so a release need not be
// searched for it.
import { loadCatalogue, loadPackageCatalogue } from "../base/load-catalogue.ts";
import type { BaseRecord } from "../base/base-request.ts";

/**
 * Names of the samples and of the releases that a vendor of the package's catalogue signs. An image from the user's own
 * catalogue may never have been published.
 */
export const publishedBases = async (
  bases: ReadonlyMap<string, Pick<BaseRecord, "origin">>,
  env: NodeJS.ProcessEnv,
): Promise<ReadonlySet<string>> => {
  const { releases } = await loadCatalogue(env);
  const vendors = new Set(
    [...(await loadPackageCatalogue()).releases.values()].map(
      ({ key }) => key.fingerprint,
    ),
  );
  return new Set(
    [...bases]
      .filter(
        ([name, { origin }]) =>
          origin === "sample" ||
          vendors.has(releases.get(name)?.key.fingerprint ?? ""),
      )
      .map(([name]) => name),
  );
};
