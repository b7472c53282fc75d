// Which bases are published by their makers, secrets and all, so that a release need not be searched for what is in them.
import { loadCatalogue, loadPackageCatalogue } from "../base/load-catalogue.ts";
import type { BaseRecord } from "../base/base-request.ts";

/**
 * Names of the samples and of the releases that a vendor of the package's catalogue signs. An image from a catalogue of
 * the user's own may be one that nobody else has seen.
 */
export const publishedBases = async (
  bases: ReadonlyMap<string, { readonly record: Pick<BaseRecord, "origin"> }>,
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
        ([name, { record }]) =>
          record.origin === "sample" ||
          vendors.has(releases.get(name)?.key.fingerprint ?? ""),
      )
      .map(([name]) => name),
  );
};
