// docs/reference/pi-image.cdx.json: the bill of materials of pi-image itself, from the lock file.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { renderBom } from "../../src/release/bom.ts";
import type { Component } from "../../src/release/components.ts";
import { packageFile, packageVersion } from "../../src/system/package-files.ts";

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      devOptional: z.boolean().optional(),
    }),
  ),
});

/** https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md */
const purlOf = (name: string, version: string): string =>
  `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** What runs beside pi-image wherever it is installed; optional packages are only on some systems. */
const components = (): readonly Component[] => {
  const lock = lockSchema.parse(
    JSON.parse(readFileSync(packageFile("package-lock.json"), "utf8")),
  );
  return Object.entries(lock.packages).flatMap(([path, entry]) => {
    const name = path.split("node_modules/").at(-1) ?? "";
    const { version } = entry;
    return path === "" ||
      version === undefined ||
      entry.dev === true ||
      entry.optional === true ||
      entry.devOptional === true
      ? []
      : {
          type: "library" as const,
          name,
          version,
          purl: purlOf(name, version),
          sha256: undefined,
          description: "A package that pi-image runs with.",
        };
  });
};

export const toolBom = (): string => {
  const version = packageVersion();
  return renderBom({
    subject: {
      type: "application",
      name: "pi-image",
      version,
      sha256: undefined,
    },
    components: components(),
    version,
    time: undefined,
  });
};
