// Secrets and git: what init and build tell git to leave alone, and what they say where it is too late.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { beforeEach, describe, expect, it } from "vitest";
import { prepareOutFolder } from "../../src/build/out-folder.ts";
import type { Context } from "../../src/terminal/context.ts";
import {
  ignoreFromTheStart,
  keepOutOfGit,
  tellWhatGitTracks,
} from "../../src/project/keep-out-of-git.ts";
import { createReporter } from "../../src/terminal/reporter.ts";
import { init } from "../../src/commands/init.ts";
import { trackedByGit } from "../../src/system/ignore-file.ts";
import { describeWithTools } from "../support/tools.ts";
import { temporaryFolder } from "../device/loop.ts";
import { answering } from "../commands/answering.ts";

let folder: string;
let out: string;
let secretsFile: string;

beforeEach(() => {
  folder = join(temporaryFolder(), "project");
  out = join(folder, "out");
  secretsFile = join(folder, "homelab.secrets.yaml");
  mkdirSync(out, { recursive: true });
  writeFileSync(secretsFile, "cluster: homelab\n");
  writeFileSync(join(out, "kubeconfig"), "");
});

const file = (): string => join(folder, ".gitignore");
const text = (): string => readFileSync(file(), "utf8");

const run = async (work: (context: Context) => Promise<void>) => {
  const { context } = answering(process.env, () => "");
  const warnings: string[] = [];
  await work({
    ...context,
    report: (event) => warnings.push(JSON.stringify(event)),
  });
  context.close();
  return warnings.join("\n");
};

/** As build and flash do it. */
const keep = () =>
  run(async (context) => {
    await prepareOutFolder(out);
    await keepOutOfGit(
      { ...context, cwd: folder },
      { folder, secretsFile, out },
    );
  });

const ENCRYPTED = "-----BEGIN AGE ENCRYPTED FILE-----\n";

const git = (...words: readonly string[]): string =>
  execFileSync("git", ["-C", folder, ...words], {
    encoding: "utf8",
    stdio: "pipe",
    env: { PATH: process.env["PATH"], HOME: folder },
  });

describe("the project's .gitignore", () => {
  it("is made by init, with results and secrets", async () => {
    const inventory = join(folder, "cluster.yaml");
    await run((context) => init(context, { inventory, yes: true }));
    expect(text()).toMatch(/^# .*\n\/out\/\n\*\.secrets\.yaml\n$/);
    await run((context) =>
      init(context, { inventory, yes: true, force: true }),
    );
    expect(text().split("\n")).toHaveLength(4);
  });

  it.each([
    ["*.log", "*.log\n# WHY\n*.secrets.yaml\n"],
    ["*.log\n", "*.log\n# WHY\n*.secrets.yaml\n"],
    ["", "# WHY\n*.secrets.yaml\n"],
    ["# secrets.yaml\r\n", "# secrets.yaml\r\n# WHY\n*.secrets.yaml\n"],
  ])("keeps what is there and gets what is missing: %j", async (old, now) => {
    writeFileSync(file(), old);
    chmodSync(file(), 0o664);
    await keep();
    expect(text().replace(/# pi-image: .*/, "# WHY")).toBe(now);
    expect(statSync(file()).mode & 0o777).toBe(0o664);
  });

  it.each([
    "*.secrets.yaml\n",
    "**/*.secrets.yaml",
    " /homelab.secrets.yaml\r\n",
    "*\n!cluster.yaml\n",
    "!homelab.secrets.yaml\n",
  ])("is left alone where it speaks of them: %j", async (old) => {
    writeFileSync(file(), old);
    await keep();
    expect(text()).toBe(old);
  });

  it("says nothing about a secrets file that is encrypted", async () => {
    writeFileSync(secretsFile, ENCRYPTED);
    await keep();
    expect(existsSync(file())).toBe(false);
  });

  it("is left alone where it is a link, or cannot be written", async () => {
    const other = join(folder, "..", "elsewhere");
    writeFileSync(other, "theirs\n");
    symlinkSync(other, file());
    await keep();
    expect(readFileSync(other, "utf8")).toBe("theirs\n");
    mkdirSync(join(folder, "sub", ".gitignore"), { recursive: true });
    await run((context) =>
      ignoreFromTheStart(context, join(folder, "sub", "cluster.yaml")),
    );
  });

  it("is not made in the home folder, where it may count for everything", async () => {
    const home = process.env["HOME"];
    process.env["HOME"] = folder;
    try {
      await keep();
    } finally {
      process.env["HOME"] = home;
    }
    expect(existsSync(file())).toBe(false);
  });
});

describeWithTools(["git"], "git", () => {
  beforeEach(() => {
    git("init", "-q");
  });

  it("sees neither results nor secrets, wherever the results are", async () => {
    out = join(folder, "images");
    mkdirSync(join(out, "worker1"), { recursive: true });
    writeFileSync(join(out, "worker1", "user-data"), "");
    writeFileSync(join(out, "worker1.manifest.json"), "");
    await keep();
    const seen = git("status", "--porcelain", "-uall").split("\n");
    expect(seen).toContain("?? .gitignore");
    expect(seen.join()).not.toMatch(/images|secrets/);
    // The first out folder is not this build's.
    expect(seen).toContain("?? out/kubeconfig");
  });

  it("is not told to leave out a folder that holds more than results", async () => {
    out = folder;
    writeFileSync(join(folder, "cluster.yaml"), "");
    await keep();
    expect(git("status", "--porcelain")).toContain("?? cluster.yaml");
  });

  it("tracks them already: that is told, and nothing is done about it", async () => {
    git("add", "homelab.secrets.yaml", "out/kubeconfig");
    const index = readFileSync(join(folder, ".git", "index"));
    const told = await keep();
    expect(told).toContain(
      "git tracks homelab.secrets.yaml, out/kubeconfig: whoever has the repository has the cluster's keys",
    );
    expect(told).toContain(
      "git rm --cached -- homelab.secrets.yaml out/kubeconfig",
    );
    expect(readFileSync(join(folder, ".git", "index"))).toEqual(index);
    git("rm", "-q", "--cached", "out/kubeconfig");
    writeFileSync(secretsFile, ENCRYPTED);
    expect(await keep()).toBe("");
  });

  it("runs no program that the work tree's settings name", async () => {
    const ran = join(folder, "..", "ran");
    const hook = join(folder, "hook");
    writeFileSync(hook, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    git("config", "core.fsmonitor", hook);
    git("add", "homelab.secrets.yaml");
    expect(existsSync(ran)).toBe(true);
    rmSync(ran);
    expect(await keep()).toContain("git tracks");
    expect(existsSync(ran)).toBe(false);
  });

  it("fetches nothing with a program that the work tree's settings name", async () => {
    const source = join(folder, "..", "source");
    const ran = join(folder, "..", "ran");
    const program = join(folder, "program");
    mkdirSync(join(source, "a", "b"), { recursive: true });
    writeFileSync(join(source, "a", "b", "file"), "");
    git("init", "-q", source);
    git("-C", source, "add", ".");
    const who = ["-c", "user.name=a", "-c", "user.email=a@b"];
    git("-C", source, ...who, "commit", "-qm", "a");
    git("-C", source, "config", "uploadpack.allowFilter", "true");
    const clone = join(folder, "clone");
    const from = `file://${source}`;
    git("clone", "-q", "--filter=tree:0", "--no-checkout", from, clone);
    const inClone = (...words: readonly string[]) => git("-C", clone, ...words);
    inClone("sparse-checkout", "init", "--cone", "--sparse-index");
    inClone("read-tree", "-m", "-u", "HEAD");
    // A folder of the index is a tree that is not here.
    rmSync(join(clone, ".git", "objects", "pack"), { recursive: true });
    inClone("config", "remote.origin.url", `ext::${program}`);
    inClone("config", "protocol.ext.allow", "always");
    writeFileSync(program, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    inClone("ls-files", "--", "a");
    expect(existsSync(ran)).toBe(true);
    rmSync(ran);
    [folder, out] = [clone, join(clone, "out")];
    secretsFile = join(clone, "homelab.secrets.yaml");
    writeFileSync(secretsFile, "cluster: homelab\n");
    expect(await keep()).toBe("");
    expect(existsSync(ran)).toBe(false);
  });

  it("is not waited for where its settings include a pipe", async () => {
    git("add", "homelab.secrets.yaml");
    execFileSync("mkfifo", [join(folder, "pipe")], { stdio: "pipe" });
    git("config", "include.path", join(folder, "pipe"));
    const { signal } = new AbortController();
    expect(
      await trackedByGit(folder, ["homelab.secrets.yaml"], signal, 100),
    ).toEqual([]);
  });

  it("is asked about this work tree also where a hook of another one runs", async () => {
    git("add", "homelab.secrets.yaml");
    const other = join(folder, "..", "other");
    git("init", "-q", other);
    process.env["GIT_DIR"] = join(other, ".git");
    // Settings by the environment, and a log of what git does.
    const hook = join(folder, "hook");
    const ran = join(folder, "..", "ran");
    writeFileSync(hook, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    Object.assign(process.env, {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "core.fsmonitor",
      GIT_CONFIG_VALUE_0: hook,
      GIT_TRACE: ran,
    });
    try {
      expect(await keep()).toContain("git tracks homelab.secrets.yaml");
      expect(existsSync(ran)).toBe(false);
    } finally {
      for (const name of Object.keys(process.env)) {
        if (name.startsWith("GIT_")) {
          delete process.env[name];
        }
      }
    }
  });

  it("is told of with names that move no cursor and begin no line", async () => {
    const name = "a\n\u001B[2J$(id).secrets.yaml~";
    writeFileSync(join(folder, name), "cluster: homelab\n");
    git("add", name);
    const lines: string[] = [];
    const reporter = createReporter({
      mode: "lines",
      write: (text) => lines.push(text),
      printJson: () => undefined,
      columns: () => 80,
      rows: () => 24,
      paint: pc.createColors(false),
    });
    await run((context) =>
      tellWhatGitTracks(
        { ...context, cwd: folder, report: reporter.report },
        { folder, out },
      ),
    );
    expect(lines).toEqual([
      "warning: git tracks a\u240A\u241B[2J$(id).secrets.yaml~: whoever has the repository has the cluster's keys\n",
      "hint: git rm --cached -- 'a\u240A\u241B[2J$(id).secrets.yaml~'; if it was pushed, treat the keys as stolen\n",
    ]);
  });

  it("is asked by release, init and secrets status as well, and about an out folder elsewhere", async () => {
    git("add", "homelab.secrets.yaml");
    const elsewhere = join(folder, "..", "elsewhere");
    mkdirSync(elsewhere);
    git("init", "-q", elsewhere);
    writeFileSync(join(elsewhere, "worker1.img"), "");
    git("-C", elsewhere, "add", "worker1.img");
    out = elsewhere;
    const told = await run((context) =>
      tellWhatGitTracks({ ...context, cwd: folder }, { folder, out }),
    );
    expect(told).toContain("git tracks homelab.secrets.yaml:");
    expect(told).toContain("git tracks ../elsewhere/worker1.img:");
    expect(told).toContain("git -C ../elsewhere rm --cached -- worker1.img");
    const inventory = join(folder, "cluster.yaml");
    const again = await run((context) =>
      init(context, { inventory, yes: true }),
    );
    expect(again).toContain("git tracks ");
  });

  it("cannot read this work tree: a build goes on", async () => {
    writeFileSync(join(folder, ".git", "index"), "damaged");
    expect(await keep()).toBe("");
    const path = process.env["PATH"];
    process.env["PATH"] = join(folder, "nowhere");
    try {
      expect(await keep()).toBe("");
    } finally {
      process.env["PATH"] = path;
    }
    expect(readdirSync(out)).toEqual([".gitignore", "kubeconfig"]);
  });
});
