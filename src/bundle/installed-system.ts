// What a base image says of itself: its system, and the packages that it has.
import { findRootPartition } from "../image/table/find-partitions.ts";
import { readPartitionTable } from "../image/table/partition-table.ts";
import { readExt4Files } from "../image/ext4/read-ext4-file.ts";
import type { Source } from "../image/source.ts";
import { UserError } from "../report/user-error.ts";
import type { InstalledPackage } from "./debian/package-closure.ts";
import { parseRelations } from "./debian/relation.ts";
import { parseStanzas } from "./debian/stanza.ts";

export type InstalledSystem = {
  /** Such as "ubuntu-24.04". */
  readonly name: string;
  readonly packages: readonly InstalledPackage[];
};

/** /etc/os-release is a symbolic link to the first. https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
const OS_RELEASE = "usr/lib/os-release";
const STATUS = "var/lib/dpkg/status";
/** Ubuntu's server image has 1 MiB of it. */
const LIMIT = 64 * 1024 * 1024;

const unreadable = (base: string, why: string): UserError =>
  new UserError(
    "BUNDLE_INCOMPLETE",
    `${base} does not tell which packages it has: ${why}`,
    {
      state: "no bundle was made",
      hint: "a bundle needs the preinstalled Ubuntu Server image for the Raspberry Pi as a base",
    },
  );

const valueOf = (text: string, name: string): string =>
  new RegExp(`^${name}=["']?([^"'\n]*)`, "m").exec(text)?.[1] ?? "";

/** Such as Ubuntu's: "ii" in `dpkg --list`. https://man7.org/linux/man-pages/man1/dpkg-query.1.html */
const INSTALLED = "install ok installed";
const HELD = "hold ok installed";

/** @param base its name, for messages. Throws BUNDLE_INCOMPLETE. */
export const readInstalledSystem = async (
  source: Source,
  base: string,
): Promise<InstalledSystem> => {
  const table = await readPartitionTable(source);
  const root = await findRootPartition(source, table);
  if (root === undefined) {
    throw unreadable(base, "it has no ext4 partition");
  }
  const found = await readExt4Files(source, root, [OS_RELEASE, STATUS], LIMIT);
  if ("reason" in found) {
    throw unreadable(base, found.reason);
  }
  const [release, status] = [OS_RELEASE, STATUS].map((path) =>
    found.files.get(path)?.toString("utf8"),
  );
  if (release === undefined || status === undefined) {
    throw unreadable(
      base,
      `it has no /${release === undefined ? OS_RELEASE : STATUS}`,
    );
  }
  return {
    name: `${valueOf(release, "ID")}-${valueOf(release, "VERSION_ID")}`,
    packages: parseStanzas(status).flatMap((stanza) => {
      const [name, version] = [stanza.get("package"), stanza.get("version")];
      return name === undefined ||
        version === undefined ||
        ![INSTALLED, HELD].includes(stanza.get("status") ?? "")
        ? []
        : {
            name,
            version,
            provides: parseRelations(stanza.get("provides") ?? "").flat(),
          };
    }),
  };
};
