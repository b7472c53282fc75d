import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseProfile } from "../../src/seed/library/parse-profile.ts";
import { profileJsonSchema } from "../../src/seed/library/profile-schema.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { summary } from "./trees.ts";

const problemsOf = (text: string) =>
  parseProfile(text, "p.yaml").problems.map(summary);

describe("a profile", () => {
  it("is a description and a list of paths", () => {
    const { value: profile, problems } = parseProfile(
      "description: What it is.\nfragments:\n  - a/b.yaml\n  - c/${cluster.cni}.yaml\n",
      "p.yaml",
    );
    expect(problems).toEqual([]);
    expect(profile?.description).toBe("What it is.");
    expect(profile?.fragments.map(({ value, at }) => [value, at.line])).toEqual(
      [
        ["a/b.yaml", 3],
        ["c/${cluster.cni}.yaml", 4],
      ],
    );
  });

  it("is told about every mistake at its place", () => {
    expect(
      problemsOf(
        "description: ''\nfragment:\n  - a.yaml\nfragments:\n  - a.yaml\n  - 12\npackages: []\n",
      ),
    ).toEqual([
      "p.yaml:1:14 PROFILE_SHAPE description must be a sentence that says what the role is",
      "p.yaml:6:5 PROFILE_SHAPE fragments.1 must be the path of a fragment",
      'p.yaml:2:1 PROFILE_SHAPE a profile has no key "fragment"',
      'p.yaml:7:1 PROFILE_SHAPE a profile has no key "packages"',
    ]);
  });

  it("cannot be empty", () => {
    expect(problemsOf("")).toEqual([
      "p.yaml:1:1 PROFILE_SHAPE description must be a sentence that says what the role is",
      "p.yaml:1:1 PROFILE_SHAPE fragments must be a list of fragments' paths",
    ]);
    expect(problemsOf("- a\n")).toEqual([
      "p.yaml:1:1 PROFILE_SHAPE a profile must have keys",
    ]);
  });
});

describe("profiles/profile.schema.json", () => {
  it("is what the program checks", () => {
    const committed: unknown = JSON.parse(
      readFileSync(packageFile("profiles/profile.schema.json"), "utf8"),
    );
    expect(profileJsonSchema()).toEqual(committed);
  });
});
