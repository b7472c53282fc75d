// The gate of CI: what users get changes with a line in CHANGELOG.md, or with a trailer that says they notice nothing.
import { mkdir, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/system/package-files.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";

const LOG = "# Changelog\n\n## Unreleased\n\n- One.\n";

type Commit = {
  readonly message?: string;
  readonly files: Readonly<Record<string, string>>;
};

/** The answer of the gate to these commits on a branch, beside which main went on. */
const judge = async (...commits: readonly Commit[]) => {
  const cwd = await temporaryFolder();
  const git = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync(
      "git",
      [
        "-c",
        "user.name=Ana",
        "-c",
        "user.email=ana@example.com",
        "-c",
        "commit.gpgsign=false",
        ...args,
      ],
      { cwd, encoding: "utf8" },
    );
    expect(status, stderr).toBe(0);
  };
  const commit = async ({ message = "area: do it", files }: Commit) => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(cwd, name)), { recursive: true });
      await writeFile(join(cwd, name), text);
    }
    git("add", "--all");
    git("commit", "--quiet", "--message", message);
  };
  git("init", "--quiet", "--initial-branch=main");
  await commit({ files: { "CHANGELOG.md": LOG, "src/a.ts": "1" } });
  git("switch", "--quiet", "--create", "branch");
  for (const one of commits) {
    await commit(one);
  }
  git("switch", "--quiet", "main");
  await commit({ files: { "CHANGELOG.md": `${LOG}- Of main.\n` } });
  return spawnSync(packageFile(".ci/changelog"), ["main", "branch"], {
    cwd,
    encoding: "utf8",
  });
};

const SOURCE = { "src/a.ts": "2" };

describeWithTools(["git"], "the changelog gate", () => {
  it.each<readonly [string, readonly Commit[]]>([
    ["tests and pages alone", [{ files: { "test/a.ts": "1", "docs/a": "1" } }]],
    [
      "a line in another commit",
      [{ files: SOURCE }, { files: { "CHANGELOG.md": `${LOG}- Two.\n` } }],
    ],
    [
      "the trailer",
      [{ files: SOURCE, message: "area: do it\n\nWhy.\n\nChangelog: none" }],
    ],
  ])("lets pass %s", async (_, commits) => {
    const { status, stderr } = await judge(...commits);
    expect(status, stderr).toBe(0);
  });

  it.each<readonly [string, readonly Commit[]]>([
    ["src/ alone", [{ files: SOURCE }]],
    ["a profile alone", [{ files: { "profiles/a.yaml": "1" } }]],
    ["a fragment alone", [{ files: { "cloud-init/a.yaml": "1" } }]],
    [
      "a changelog that only lost a line",
      [{ files: { ...SOURCE, "CHANGELOG.md": "# Changelog\n" } }],
    ],
    [
      "the trailer's words in the text",
      [{ files: SOURCE, message: "area: do it\n\nChangelog: none is needed." }],
    ],
  ])("stops %s", async (_, commits) => {
    const { status, stderr } = await judge(...commits);
    expect(status).toBe(1);
    expect(stderr).toContain("Changelog: none");
  });
});
