// The action and the workflow that other projects use: their shell steps are run here, as the runner runs them.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { packageFile } from "../../src/system/package-files.ts";
import { describeWithTools } from "../support/tools.ts";

type Step = {
  readonly name?: string;
  readonly uses?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
};

type Inputs = Readonly<Record<string, { readonly default?: string }>>;

const action = parse(readFileSync(packageFile("action.yml"), "utf8")) as {
  readonly inputs: Inputs;
  readonly runs: { readonly steps: readonly Step[] };
};

const workflow = parse(
  readFileSync(packageFile(".github/workflows/release-images.yml"), "utf8"),
) as {
  readonly on: {
    readonly workflow_call: {
      readonly inputs: Inputs;
      readonly secrets: Inputs;
    };
  };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: {
    readonly images: {
      readonly container?: unknown;
      readonly steps: readonly Step[];
    };
  };
};

const steps = [...action.runs.steps, ...workflow.jobs.images.steps];

it("pins every action by its commit and puts no input into a script", () => {
  for (const { uses, run } of steps) {
    if (uses !== undefined && !uses.startsWith("./")) {
      expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    }
    expect(run ?? "").not.toContain("${{");
  }
});

it("asks for no right but reading, no container and no root", () => {
  expect(workflow.permissions).toEqual({ contents: "read" });
  expect(workflow.jobs.images.container).toBeUndefined();
  for (const { run } of steps) {
    expect(run ?? "").not.toMatch(/\bsudo\b|--privileged|docker/);
  }
});

it("gives the action only what it takes, and all that callers may give", () => {
  const call = workflow.jobs.images.steps.find(
    ({ uses }) => uses === "./.pi-image",
  );
  const given = Object.keys(call?.with ?? {});
  expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(given));
  const { inputs, secrets } = workflow.on.workflow_call;
  expect([...given, "artifact"].toSorted()).toEqual(
    [...Object.keys(inputs), ...Object.keys(secrets)].toSorted(),
  );
});

const NOBODY = 65_534;

describeWithTools(
  ["git", "sha256sum", "xz", "zstd", "shellcheck"],
  "the steps of the action",
  () => {
    let folder = "";
    let epoch = "";
    const path = (...parts: readonly string[]) => join(folder, ...parts);

    /** Root gives itself up for them, where the package may be read by others. */
    const user = (): { uid?: number; gid?: number } => {
      const nobody = { uid: NOBODY, gid: NOBODY };
      return process.getuid?.() === 0 &&
        spawnSync("test", ["-r", packageFile("package.json")], nobody)
          .status === 0
        ? nobody
        : {};
    };

    const base = (): Record<string, string> => ({
      PATH: `${path("bin")}:${process.env["PATH"] ?? ""}`,
      HOME: path("home"),
      GITHUB_ACTION_PATH: path("action"),
      GITHUB_OUTPUT: path("output"),
      GITHUB_STEP_SUMMARY: path("summary"),
      CI: "true",
    });

    const runStep = (
      { run = "", env = {} }: Step,
      inputs: Readonly<Record<string, string>>,
    ) => {
      const filled = Object.entries(env).map(([name, value]) => {
        const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value)?.[1] ?? "";
        expect(Object.keys(action.inputs)).toContain(input);
        return [name, inputs[input] ?? action.inputs[input]?.default ?? ""];
      });
      writeFileSync(path("step.sh"), run);
      // https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
      return spawnSync(
        "bash",
        ["--noprofile", "--norc", "-eo", "pipefail", path("step.sh")],
        {
          cwd: path("workspace"),
          env: { ...base(), ...Object.fromEntries(filled) },
          encoding: "utf8",
          ...user(),
        },
      );
    };

    const runAll = (inputs: Readonly<Record<string, string>>) => {
      let last = { status: 0 as number | null, stderr: "" };
      for (const step of action.runs.steps.filter(
        ({ run }) => run !== undefined,
      )) {
        expect(step.shell).toBe("bash");
        last = runStep(step, inputs);
        if (last.status !== 0) {
          break;
        }
      }
      return last;
    };

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "pi-image-action-"));
      for (const name of ["action", "bin", "home", "workspace"]) {
        mkdirSync(path(name));
      }
      // The package as `npm ci` and `npm run build` leave it; npm itself only notes that it was called.
      for (const name of ["package.json", "profiles", "cloud-init", "docs"]) {
        cpSync(packageFile(name), path("action", name), { recursive: true });
      }
      symlinkSync(packageFile("node_modules"), path("action", "node_modules"));
      const built = spawnSync(process.execPath, [
        packageFile("node_modules/typescript/bin/tsc"),
        "--project",
        packageFile("tsconfig.build.json"),
        "--outDir",
        path("action", "dist"),
      ]);
      expect(built.status).toBe(0);
      writeFileSync(
        path("bin", "npm"),
        '#!/bin/sh\necho "$PWD: npm $*" >>"$HOME/npm-calls"\n',
      );
      chmodSync(path("bin", "npm"), 0o755);
      writeFileSync(
        path("workspace", "cluster.yaml"),
        "cluster: {name: lab}\ndefaults: {base: sample, users: [{name: ana, sshKeys: []}]}\nnodes: [{name: one, role: control-plane}, {name: two, role: worker}]\n",
      );
      const git = (...args: readonly string[]) =>
        spawnSync(
          "git",
          [
            "-c",
            "user.name=Ana",
            "-c",
            "user.email=ana@example.com",
            "-c",
            "safe.directory=*",
            ...args,
          ],
          { cwd: path("workspace"), encoding: "utf8" },
        );
      git("init", "-q");
      git("add", "cluster.yaml");
      git("commit", "-q", "-m", "inventory");
      epoch = git("log", "-1", "--format=%ct").stdout.trim();
      expect(epoch).toMatch(/^\d+$/);
      writeFileSync(path("home", ".gitconfig"), "[safe]\n\tdirectory = *\n");
      spawnSync("chmod", ["-R", "a+rwX", folder]);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it("are shell that shellcheck accepts", () => {
      for (const { run } of action.runs.steps) {
        if (run !== undefined) {
          const checked = spawnSync("shellcheck", ["--shell=bash", "-"], {
            input: `set -eo pipefail\n${run}`,
            encoding: "utf8",
          });
          expect(checked.stdout).toBe("");
        }
      }
    });

    it("make, check and show a release of the commit's time, as an ordinary user", () => {
      const { status, stderr } = runAll({
        formats: "img.xz,img.zst",
        role: "worker",
        url: "https://example.com/v1/",
      });
      expect(status, stderr).toBe(0);
      expect(readFileSync(path("home", "npm-calls"), "utf8")).toBe(
        `${path("action")}: npm ci --ignore-scripts --no-audit --no-fund\n${path("action")}: npm run build\n`,
      );
      expect(readFileSync(path("output"), "utf8")).toBe("folder=release\n");
      const files = readdirSync(path("workspace", "release"));
      expect(files).toContain("lab-worker-sample.img.xz");
      expect(files).toContain("os_list.rpi-imager-manifest");
      expect(files.some((name) => name.includes("control-plane"))).toBe(false);
      expect(readFileSync(path("summary"), "utf8")).toContain(
        "lab-worker-sample.img.xz",
      );
      const statement = readFileSync(
        path("workspace", "release", "provenance.intoto.json"),
        "utf8",
      );
      expect(statement).toContain(new Date(Number(epoch) * 1000).toISOString());
    });

    it("stop where an input is wrong, without taking it for shell", () => {
      const { status, stderr } = runAll({ name: "$(touch pwned); x" });
      expect(status).toBe(2);
      expect(stderr).toContain("cannot be the beginning of the files' names");
      expect(readdirSync(path("workspace"))).not.toContain("pwned");
    });

    it("stop where an image is not what SHA256SUMS says", () => {
      const [check] = action.runs.steps.slice(-1);
      writeFileSync(
        path("workspace", "release", "lab-worker-sample.img.xz"),
        "damaged",
      );
      const { status } = runStep(check ?? {}, {});
      expect(status).not.toBe(0);
    });
  },
);
