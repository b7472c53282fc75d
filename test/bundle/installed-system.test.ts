// The packages of a base image, compared with what dpkg-query says of the same list.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readInstalledSystem } from "../../src/bundle/installed-system.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { imageAround } from "../image/card-fixture.ts";
import { makeExt } from "../image/ext4-fixture.ts";
import { temporaryFolder } from "../image/make-image.ts";
import { failureOf } from "../support/failure.ts";
import { describeWithTools } from "../support/tools.ts";

/** As large as Ubuntu's where this computer has enough packages; the list of any Debian will do. */
const STATUS = "/var/lib/dpkg/status";

describeWithTools(
  ["mke2fs", "e2fsck", "debugfs", "dpkg-query"],
  "a base image",
  () => {
    const imageWith = async (files: Readonly<Record<string, string>>) => {
      const folder = temporaryFolder();
      const tree = join(folder, "tree");
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(tree, path, ".."), { recursive: true });
        writeFileSync(join(tree, path), text);
      }
      mkdirSync(join(tree, "etc"), { recursive: true });
      writeFileSync(join(tree, "etc/hostname"), "ubuntu\n");
      const path = join(folder, "root.img");
      await makeExt(
        path,
        { size: 32 * 1024 * 1024, words: ["-t", "ext4"] },
        tree,
      );
      return imageAround(path, 0x83);
    };
    const RELEASE =
      'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n';

    it("tells its system and all that is installed", async () => {
      expect(existsSync(STATUS)).toBe(true);
      const source = await imageWith({
        "usr/lib/os-release": RELEASE,
        "var/lib/dpkg/status": `${readFileSync(STATUS, "utf8")}\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: kept\nStatus: hold ok installed\nVersion: 2\n`,
      });
      const { name, packages } = await readInstalledSystem(
        source,
        "ubuntu.img",
      );
      expect(name).toBe("ubuntu-24.04");
      const { stdout } = await runTool("dpkg-query", [
        "--show",
        "--showformat=${db:Status-Status} ${Package} ${Version}\n",
      ]);
      const known = stdout
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("installed "))
        .map((line) => line.slice("installed ".length));
      expect(known.length).toBeGreaterThan(50);
      expect(
        packages.map((each) => `${each.name} ${each.version}`).toSorted(),
      ).toEqual([...known, "kept 2"].toSorted());
    });

    it.each([
      [{ "usr/lib/os-release": RELEASE }, "it has no /var/lib/dpkg/status"],
      [{ "var/lib/dpkg/status": "" }, "it has no /usr/lib/os-release"],
    ])("without %j is told apart", async (files, why) => {
      const failure = await failureOf(
        readInstalledSystem(await imageWith(files), "ubuntu.img"),
      );
      expect(`${failure.code}: ${failure.message}`).toBe(
        `BUNDLE_INCOMPLETE: ubuntu.img does not tell which packages it has: ${why}`,
      );
    });
  },
);
