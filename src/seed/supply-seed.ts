// A filled seed and what was fetched for its node -> the texts that go onto the card.
import { createHash } from "node:crypto";
import { systemFacts } from "../inventory/boards/systems.ts";
import { hasErrors, type Problem } from "../report/problem.ts";
import type { FilledSeed } from "./fill-seed.ts";
import { firstBootScript } from "./first-boot-script.ts";
import { checkWrittenFiles } from "./library/check-written-files.ts";
import { FRAGMENT_HEADER } from "./library/parse-fragment.ts";
import { toValue, type Value } from "./library/tree.ts";
import { writeDocument } from "./library/write-document.ts";
import { filesForNode, type SeedSupplies } from "./node-files.ts";
import type { Seed } from "./seed.ts";
import { type SuppliedFile, withFiles } from "./supplied-files.ts";

type SuppliedSeed = {
  /** Undefined when a problem is an error. */
  readonly seed: Seed | undefined;
  readonly problems: readonly Problem[];
};

/** Pure: the same input gives the same bytes. The problems are files that a fragment writes, too. */
export const supplySeed = (
  filled: FilledSeed,
  supplies: SeedSupplies,
): SuppliedSeed => {
  const { node, version, timeless, withoutPasswords } = filled;
  const files = filesForNode(filled, supplies);
  const cloudConfig = withFiles(filled.cloudConfig, files);
  const problems: Problem[] = [];
  checkWrittenFiles(cloudConfig, (problem) => problems.push(problem));
  if (hasErrors(problems)) {
    return { seed: undefined, problems };
  }
  const instanceId = `pi-image-${node.name}-${digest(timeless, files)}`;
  const made = `# Made by pi-image ${version}.`;
  const texts = {
    userData: writeDocument(
      `${FRAGMENT_HEADER}\n${made} It holds the node's secrets until the first boot has removed them.\n`,
      toValue(cloudConfig),
    ),
    metaData: writeDocument(`${made}\n`, {
      "instance-id": instanceId,
      "local-hostname": node.name,
      dsmode: "local",
    }),
    networkConfig: writeDocument(`${made}\n`, toValue(filled.network)),
  };
  return {
    seed: {
      instanceId,
      ...texts,
      withoutPasswords: digest(
        withoutPasswords,
        files.map((file) =>
          file.secret === true ? { ...file, text: "" } : file,
        ),
      ),
      ...(systemFacts(node.base).cloudInit
        ? {}
        : { firstBoot: firstBootScript(texts) }),
    },
    problems,
  };
};

/**
 * Twelve hex digits that change exactly when cloud-init has something different to do. Packed files count unpacked, because
 * two versions of zlib may pack the same text differently.
 */
const digest = (
  timeless: readonly Value[],
  files: readonly SuppliedFile[],
): string =>
  createHash("sha256")
    .update(JSON.stringify([...timeless, files]))
    .digest("hex")
    .slice(0, 12);
