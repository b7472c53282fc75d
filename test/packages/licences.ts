// Which licences the packages may have that we ship or develop with, judged by the lockfile, so without a network.
import { z } from "zod";

/** Nothing is asked but to keep the notices. */
const PERMISSIVE = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-1-Clause",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "PSF-2.0",
  "Python-2.0",
  "Unlicense",
]);

/** Asks for changes of its own files to be published; we make none, and do not ship them. */
const FOR_DEVELOPMENT = new Set(["MPL-2.0"]);

/** Package -> licence that is fine for it alone. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  // Used unchanged, as a package of its own that anyone can replace: what the LGPL asks for.
  openpgp: "LGPL-3.0+",
};

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      license: z.string().optional(),
      dev: z.boolean().optional(),
      link: z.boolean().optional(),
    }),
  ),
});

/** SPDX expressions as npm writes them: one licence, or "(A OR B)", or "(A AND B)". */
const allows = (expression: string, allowed: ReadonlySet<string>): boolean => {
  const words = expression.replaceAll(/[()]/g, "");
  return words
    .split(" OR ")
    .some((choice) =>
      choice.split(" AND ").every((one) => allowed.has(one.trim())),
    );
};

/** One line for each package whose licence nobody has agreed to. */
export const licenceFindings = (lock: unknown): readonly string[] =>
  Object.entries(lockSchema.parse(lock).packages).flatMap(
    ([path, { license, dev = false, link = false }]) => {
      const name = path.replace(/^.*node_modules\//, "");
      if (path === "" || link) {
        return [];
      }
      const allowed = dev
        ? new Set([...PERMISSIVE, ...FOR_DEVELOPMENT])
        : PERMISSIVE;
      return license !== undefined &&
        (EXCEPTIONS[name] === license || allows(license, allowed))
        ? []
        : [`${name}: ${license ?? "no licence"}`];
    },
  );
