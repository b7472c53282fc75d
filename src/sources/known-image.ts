// Whether an image file is one of a vendor whose images are known, so that what no file system uses may be left out.
import { dirname, join } from "node:path";
import type { CacheOptions } from "../network/cache.ts";
import type { ExpectedChecksum } from "../base/proof/checksums.ts";
import { loadCatalogue } from "../base/load-catalogue.ts";
import { LIST_SIGNATURE } from "../base/proof/release-list.ts";
import { existsAt } from "../system/read-if-there.ts";

/**
 * True where a list that is signed by a vendor of the catalogue lies beside the file and names it. Options do not count,
 * because `verify` must come to the same result as `flash` without them.
 * @param expected the file's checksums; the file itself is compared with them while it is written
 * @throws UserError SIGNATURE_WRONG, CATALOGUE_WRONG
 */
export const isKnownImage = async (
  { env, report, signal }: CacheOptions,
  path: string,
  expected: readonly ExpectedChecksum[],
): Promise<boolean> => {
  if (!(await existsAt(join(dirname(path), LIST_SIGNATURE)))) {
    return false;
  }
  // Loaded on demand: OpenPGP is large, and few images have a signature beside them.
  const { isListedByVendor } = await import("../base/proof/vendor-checksum.ts");
  const catalogue = await loadCatalogue(env);
  return isListedByVendor(path, expected, { env, report, signal, catalogue });
};
