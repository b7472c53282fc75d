// Reads one profile's text and reports everything that is wrong with it.
import type { z } from "zod";
import { quoted } from "../../inventory/wording.ts";
import {
  type Path,
  parseYamlFile,
  type YamlFile,
} from "../../inventory/yaml/yaml-file.ts";
import type { Problem } from "../../report/problem.ts";
import type { Profile } from "./library.ts";
import { parseTree } from "./parse-tree.ts";
import { readProfile } from "./profile-schema.ts";
import { childOf, isText, toValue } from "./tree.ts";

const HINT =
  "a profile has the keys `description` (one sentence) and `fragments` (a list of paths)";

/**
 * `file` is the name that problems show. The readable part of a faulty profile is returned too, so that its paths are
 * checked.
 */
export const parseProfile = (
  text: string,
  file: string,
): {
  readonly value: Profile | undefined;
  readonly problems: readonly Problem[];
} => {
  const { tree, problems } = parseTree(text, file);
  if (problems.length > 0) {
    return { value: undefined, problems };
  }
  const result = readProfile(tree === undefined ? {} : toValue(tree));
  const list = childOf(tree, "fragments");
  const issues = result.error?.issues ?? [];
  return {
    value: {
      description: result.data?.description ?? "",
      fragments: list?.kind === "list" ? list.items.filter(isText) : [],
    },
    problems: explainAll(issues, file, text),
  };
};

const explainAll = (
  issues: readonly z.core.$ZodIssue[],
  file: string,
  text: string,
): readonly Problem[] => {
  if (issues.length === 0) {
    return [];
  }
  const yaml = parseYamlFile(file, text);
  return issues.flatMap((issue) => explain(issue, yaml));
};

const explain = (issue: z.core.$ZodIssue, yaml: YamlFile): Problem[] => {
  const path = issue.path as Path;
  const place = path.length === 0 ? "a profile" : path.join(".");
  return issue.code === "unrecognized_keys"
    ? issue.keys.map((key) =>
        misshapen(
          `a profile has no key ${quoted(key)}`,
          yaml.keyAt([...path, key]),
        ),
      )
    : [misshapen(`${place} ${issue.message}`, yaml.at(path))];
};

const misshapen = (message: string, at: Problem["at"]): Problem => ({
  code: "PROFILE_SHAPE",
  severity: "error",
  message,
  at,
  hint: HINT,
});
