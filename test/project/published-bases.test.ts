// Whose images are public already, and whose may hold what nobody should see.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadPackageCatalogue } from "../../src/base/load-catalogue.ts";
import { publishedBases } from "../../src/project/published-bases.ts";
import { testFolder } from "../base/base-options.ts";

const opened = (
  ...bases: readonly (readonly [string, "file" | "download" | "sample"])[]
) => new Map(bases.map(([name, origin]) => [name, { origin }]));

it("are those of the package's vendors and its samples, and no others", async () => {
  const folder = testFolder();
  const armored =
    (await loadPackageCatalogue()).releases.get("ubuntu-24.04")?.key.armored ??
    "";
  writeFileSync(join(folder, "home.asc"), armored);
  const own = (fingerprint: string) => `keys:
  home: {file: home.asc, fingerprint: ${fingerprint}}
releases:
  golden: {title: ours, signed: list, folder: "http://127.0.0.1/", file: "a*.img.xz", key: home}
  ubuntu-24.04: {title: ours, signed: list, folder: "http://127.0.0.1/", file: "a*.img.xz", key: home}
`;
  const bases = opened(
    ["golden", "download"],
    ["ubuntu-24.04", "download"],
    ["ubuntu-26.04", "download"],
    ["raspios-trixie", "download"],
    ["ubuntu-22.04", "sample"],
    ["own.img", "file"],
    ["https://example.com/a.img", "download"],
  );
  const published = async (fingerprint: string) => {
    writeFileSync(join(folder, "base-images.yaml"), own(fingerprint));
    return [...(await publishedBases(bases, { PI_IMAGE_CONFIG_HOME: folder }))];
  };
  const vendors = ["ubuntu-26.04", "raspios-trixie", "ubuntu-22.04"];
  expect(await published("0123456789ABCDEF0123456789ABCDEF01234567")).toEqual(
    vendors,
  );
  // A mirror of one's own that serves what the vendor signed.
  expect(await published("843938DF228D22F7B3742BC0D94AA3F0EFE21092")).toEqual([
    "golden",
    "ubuntu-24.04",
    ...vendors,
  ]);
});
