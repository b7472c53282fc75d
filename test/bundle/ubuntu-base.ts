// A base image that tells which system it is and what it has, made from the sample.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { findRootPartition } from "../../src/image/table/find-partitions.ts";
import { readPartitionTable } from "../../src/image/table/partition-table.ts";
import { openFileSource } from "../../src/image/source.ts";
import { runTool } from "../../src/system/run/run-tool.ts";
import { cutOut, decodeSample } from "../image/sample-fixture.ts";

/** @param installed "name version" of what it has */
export const ubuntuBase = async (
  folder: string,
  installed: readonly string[],
): Promise<string> => {
  mkdirSync(folder, { recursive: true });
  const raw = await decodeSample("24.04", folder);
  const source = await openFileSource(raw);
  const root = await findRootPartition(
    source,
    await readPartitionTable(source),
  );
  await source.close();
  const part = join(folder, "root.part");
  await cutOut(raw, root, part);
  const [release, status] = ["os-release", "status"].map((name) =>
    join(folder, name),
  ) as [string, string];
  writeFileSync(release, 'ID=ubuntu\nVERSION_ID="24.04"\n');
  writeFileSync(
    status,
    installed
      .map((each) => {
        const [name = "", version = ""] = each.split(" ");
        return `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: arm64\n`;
      })
      .join("\n"),
  );
  await runTool("debugfs", ["-w", "-f", "-", part], {
    input: [
      "mkdir /usr",
      "mkdir /usr/lib",
      "rm /usr/lib/os-release",
      `write ${release} /usr/lib/os-release`,
      "mkdir /var",
      "mkdir /var/lib",
      "mkdir /var/lib/dpkg",
      "rm /var/lib/dpkg/status",
      `write ${status} /var/lib/dpkg/status`,
      "",
    ].join("\n"),
  });
  const handle = await open(raw, "r+");
  await handle.write(readFileSync(part), 0, undefined, root?.offset ?? 0);
  await handle.close();
  return raw;
};
