// The workflows: what they take from others is pinned, what builds has no rights, and no package runs a script as it is installed.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { packageFile } from "../../src/system/package-files.ts";
import { describeWithTools } from "../support/tools.ts";

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
};

type Job = {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
  readonly needs?: readonly string[];
  readonly strategy?: { readonly matrix: unknown };
};

type Workflow = {
  readonly concurrency?: Readonly<Record<"group", string>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
};

const folder = packageFile(".github/workflows");
const workflows = readdirSync(folder).map(
  (name) =>
    [
      name,
      parse(readFileSync(join(folder, name), "utf8")) as Workflow,
    ] as const,
);

const stepsOf = ({ jobs }: Workflow): readonly Step[] =>
  Object.values(jobs).flatMap(({ steps = [] }) => steps);

const mayOnlyRead = ({ permissions = {} }: Job): boolean =>
  Object.values(permissions).every((right) => right === "read");

describe.each(workflows)("%s", (name, workflow) => {
  it("pins every action by its commit and puts no value into a script", () => {
    for (const { uses, run } of [
      ...stepsOf(workflow),
      ...Object.values(workflow.jobs),
    ].filter((one): one is Step => "uses" in one || "run" in one)) {
      if (uses !== undefined && !uses.startsWith("./")) {
        expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      }
      expect(run ?? "").not.toContain("${{");
    }
  });

  it("says which of its runs go on at once", () => {
    const group = workflow.concurrency?.group ?? "";
    // The name of its own: a workflow that calls another would wait for itself in a group of both.
    expect(group).toMatch(new RegExp(`^${name.replace(".yml", "")}\\b`));
  });

  it("begins with the right to read, and gives more only to jobs that build nothing", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of Object.values(workflow.jobs)) {
      const text = (job.steps ?? []).map(({ run = "" }) => run).join("\n");
      expect(
        mayOnlyRead(job) || !/npm (ci|install|run|test)|npx|node /.test(text),
      ).toBe(true);
    }
  });

  it("installs packages without their scripts", () => {
    for (const { run = "" } of stepsOf(workflow)) {
      for (const [line] of run.matchAll(/npm ci\b.*/g)) {
        expect(line).toContain("--ignore-scripts");
      }
    }
  });
});

describeWithTools(["shellcheck"], "the steps of all workflows", () => {
  it("are shell that shellcheck accepts", () => {
    const script = workflows
      .flatMap(([, workflow]) => stepsOf(workflow))
      // Each in a function: one may go to another folder.
      .flatMap(({ run }, index) =>
        run === undefined ? [] : [`step${index}() (\n${run}\n)\nstep${index}`],
      )
      .join("\n");
    const { stdout } = spawnSync(
      "shellcheck",
      // The workflow's variables come from outside, and the brackets of the functions are ours.
      ["--shell=bash", "--exclude=SC2154,SC2235", "-"],
      { input: `set -eo pipefail\n${script}\n`, encoding: "utf8" },
    );
    expect(stdout).toBe("");
  });
});

it("ci-ok asks for every other job of ci.yml, and for success of each", () => {
  const jobs = new Map(workflows).get("ci.yml")?.jobs ?? {};
  const others = Object.keys(jobs).filter((name) => name !== "ci-ok");
  expect(jobs["ci-ok"]?.needs).toEqual(others);
  expect(jobs["ci-ok"]?.steps?.[0]?.run).toBe(
    `[ "$RESULTS" = "${others.map(() => "success").join(" ")}" ]`,
  );
});

it("the tests run with every Node that has support, and the oldest that the package names", () => {
  const node = new Map(workflows).get("ci.yml")?.jobs["test"]?.strategy?.matrix;
  expect(node).toEqual({ node: [20, 22, 24, 26] });
  expect(manifest.engines.node).toMatch(/^>=20\./);
});

it("the commits that git blame passes over are named in full", () => {
  const lines = readFileSync(packageFile(".git-blame-ignore-revs"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toMatch(/^[0-9a-f]{40}$/);
  }
});

it("Dependabot takes nothing that is younger than a week, in groups", () => {
  const { updates } = parse(
    readFileSync(packageFile(".github/dependabot.yml"), "utf8"),
  ) as {
    readonly updates: readonly {
      readonly "package-ecosystem": string;
      readonly cooldown: Readonly<Record<string, number>>;
      readonly groups: object;
    }[];
  };
  expect(updates.map((one) => one["package-ecosystem"])).toEqual([
    "npm",
    "github-actions",
  ]);
  for (const { cooldown, groups } of updates) {
    expect(cooldown["default-days"]).toBeGreaterThanOrEqual(7);
    expect(Object.keys(groups)).not.toEqual([]);
  }
});
