// Commands of somebody else's inventory: never on check, and elsewhere only after the user said yes to this very command.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { allowCommand } from "../../src/commands/allow-command.ts";
import { build } from "../../src/commands/build.ts";
import { check } from "../../src/commands/check.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import type { Context } from "../../src/terminal/context.ts";
import { temporaryFolder } from "../device/loop.ts";
import { answering } from "./answering.ts";

const inventory = (command: string): string => `cluster: {name: homelab}
defaults:
  users: [{name: ana}]
  wifi: {ssid: home, country: ES, password: "exec:${command}"}
nodes:
  - {name: cplane, role: control-plane}
`;

let home: string;
let file: string;
/** Leaves a trace outside of the project. */
let traced: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  home = temporaryFolder();
  mkdirSync(join(home, "project"));
  file = join(home, "project", "cluster.yaml");
  traced = `echo ran >>${home}/ran && echo correct horse battery`;
  writeFileSync(file, inventory(traced));
  env = {
    ...process.env,
    PI_IMAGE_STATE_HOME: join(home, "state"),
    XDG_CACHE_HOME: join(home, "cache"),
  };
});

const timesRun = (): number =>
  existsSync(join(home, "ran"))
    ? readFileSync(join(home, "ran"), "utf8").trim().split("\n").length
    : 0;

const run = async (
  command: (context: Context) => Promise<unknown>,
  answer?: string | (() => never),
) => {
  const { context, questions, told } = answering(env, () =>
    typeof answer === "string" ? answer : (answer?.() ?? ""),
  );
  const error = await command({
    ...context,
    interactive: answer !== undefined,
  }).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  context.close();
  return { error, questions, told: told.join("\n") };
};

const building = (
  answer?: string | (() => never),
  more: Readonly<Record<string, unknown>> = {},
) =>
  run(
    (context) =>
      build(context, {
        inventory: file,
        out: join(home, "project", "out"),
        base: "sample",
        format: "seed",
        ...more,
      }),
    answer,
  );

/** Whether the question comes, which is answered with yes. */
const asks = async (path = file, command = traced): Promise<boolean> => {
  const { questions } = await run(
    (context) => allowCommand(context, path)(command),
    "yes",
  );
  return questions.length > 0;
};

const interrupted = (): never => {
  throw new DOMException("Aborted", "AbortError");
};

describe("a command of an inventory", () => {
  it("is not run where nobody can be asked, and the way is told", async () => {
    const { error, told } = await building();
    expect(error).toMatchObject({ code: "PROJECT_HAS_PROBLEMS", exitCode: 2 });
    expect(told).toContain("--allow-exec");
    expect(timesRun()).toBe(0);
    expect(readdirSync(home)).toEqual(["project"]);
  });

  it.each([
    ["no", "no"],
    ["nothing", ""],
    ["y", "y"],
    ["Ctrl-C", interrupted],
  ])(
    "is not run after %s, and everything stays as it was",
    async (_, answer) => {
      const { error, questions, told } = await building(answer);
      expect(error).toMatchObject(
        answer === interrupted ? { name: "AbortError" } : { code: "CANCELLED" },
      );
      expect(questions).toHaveLength(1);
      expect(told).toContain(traced);
      expect(timesRun()).toBe(0);
      expect(readdirSync(home)).toEqual(["project"]);
      expect(readdirSync(dirname(file))).toEqual(["cluster.yaml"]);
    },
  );

  it("is run after yes, once for this and every later run", async () => {
    expect((await building("yes")).error).toBeUndefined();
    expect(timesRun()).toBe(1);
    const second = await building(interrupted);
    expect(second.error).toBeUndefined();
    expect(second.questions).toEqual([]);
    expect(timesRun()).toBe(2);
    const state = join(home, "state");
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, "allowed-commands")).mode & 0o777).toBe(0o600);
    const checked = await run((context) => check(context, { inventory: file }));
    expect(checked.error).toBeUndefined();
    expect(checked.told).toContain("runs no command");
    expect(timesRun()).toBe(2);
  });

  it("is never run by check and by a dry run, allowed or not", async () => {
    const dry = await building(interrupted, { dryRun: true, allowExec: true });
    expect(dry.error).toBeUndefined();
    const checked = await run(
      (context) => check(context, { inventory: file }),
      interrupted,
    );
    expect(checked.error).toBeUndefined();
    expect(timesRun()).toBe(0);
  });

  it("is not run by the plan of a flash, nor is a person asked, and both are said", async () => {
    const card = join(home, "card");
    const planning = (more: Readonly<Record<string, unknown>> = {}) =>
      run(
        (context) =>
          flash(context, [card], {
            inventory: file,
            out: join(home, "project", "out"),
            host: ["cplane"],
            dryRun: true,
            maxSize: 2 ** 40,
            ...more,
          }),
        interrupted,
      );
    const dry = await planning({ base: "sample", allowExec: true });
    expect(dry.error).toBeUndefined();
    expect(dry.told).toContain(`pi-image would run \`${traced}\`.`);
    expect(dry.told).toContain(`"type":"left"`);
    writeFileSync(file, inventory(traced).replace(/"exec:.*"/, "prompt"));
    for (const plan of [
      await planning({ base: "sample" }),
      await building(interrupted, { dryRun: true }),
    ]) {
      expect(plan.error).toBeUndefined();
      expect(plan.questions).toEqual([]);
      expect(plan.told).toContain(
        "pi-image would ask for the password of the Wi-Fi network home.",
      );
    }
    expect(timesRun()).toBe(0);
    expect(existsSync(card)).toBe(false);
  });

  it("is run with --allow-exec, which no later run remembers", async () => {
    const { error, told } = await building(undefined, { allowExec: true });
    expect(error).toBeUndefined();
    expect(told).toContain(`"allowed":"--allow-exec"`);
    expect(timesRun()).toBe(1);
    expect(await asks()).toBe(true);
  });

  it("is asked about before any of them runs, each once", async () => {
    writeFileSync(
      file,
      `${inventory(traced)}  - {name: w1, role: worker, wifi: {ssid: b, country: ES, password: "exec:${traced}; true"}}
`,
    );
    const { questions } = await building("yes");
    expect(questions).toHaveLength(2);
    expect(timesRun()).toBe(2);
    rmSync(join(home, "state"), { recursive: true });
    let asked = 0;
    const { context } = answering(env, () => (++asked === 1 ? "yes" : "no"));
    const options = { inventory: file, out: join(home, "o"), base: "sample" };
    await expect(
      build(context, { ...options, format: "seed" }),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    expect(timesRun()).toBe(2);
  });

  it("shows characters that would hide a part of it", async () => {
    const { told } = await run(
      (context) => allowCommand(context, file)("true\u202E\u001B[2K"),
      "no",
    );
    const question = told.split('{"type"')[0] ?? "";
    expect(question).toContain("true");
    expect(question).not.toContain("\u202E");
    expect(question).not.toContain("\u001B");
  });
});

describe("the answer counts", () => {
  beforeEach(async () => {
    expect(await asks()).toBe(true);
    expect(await asks()).toBe(false);
  });

  it("for this command only", async () => {
    expect(await asks(file, `${traced} `)).toBe(true);
    expect(await asks(file, "true")).toBe(true);
  });

  it("for this file only", async () => {
    const copy = join(home, "project", "copy.yaml");
    cpSync(file, copy);
    expect(await asks(copy)).toBe(true);
    renameSync(join(home, "project"), join(home, "moved"));
    expect(await asks(join(home, "moved", "cluster.yaml"))).toBe(true);
  });

  it("through a link in the same folder, and not from another folder", async () => {
    symlinkSync(file, join(home, "project", "link.yaml"));
    expect(await asks(join(home, "project", "link.yaml"))).toBe(false);
    mkdirSync(join(home, "other"));
    symlinkSync(file, join(home, "other", "cluster.yaml"));
    expect(await asks(join(home, "other", "cluster.yaml"))).toBe(true);
    symlinkSync(join(home, "project"), join(home, "same"));
    expect(await asks(join(home, "same", "cluster.yaml"))).toBe(false);
  });

  it("until a script changes that the command names", async () => {
    const script = join(home, "project", "get.sh");
    writeFileSync(script, "echo one");
    expect(await asks(file, "sh ./get.sh")).toBe(true);
    expect(await asks(file, "sh ./get.sh")).toBe(false);
    writeFileSync(script, "echo two");
    expect(await asks(file, "sh ./get.sh")).toBe(true);
    rmSync(script);
    expect(await asks(file, "sh ./get.sh")).toBe(true);
  });

  const answers = (): string => join(home, "state", "allowed-commands");
  it.each([
    ["writable by others", () => chmodSync(answers(), 0o602)],
    [
      "in a folder writable by others",
      () => chmodSync(join(home, "state"), 0o770),
    ],
    [
      "a link to another file",
      () => {
        renameSync(answers(), join(home, "elsewhere"));
        symlinkSync(join(home, "elsewhere"), answers());
      },
    ],
    [
      "behind a link to another folder",
      () => {
        renameSync(join(home, "state"), join(home, "elsewhere"));
        symlinkSync(join(home, "elsewhere"), join(home, "state"));
      },
    ],
  ])("unless the file of the answers is %s", async (_, spoil) => {
    spoil();
    expect(await asks()).toBe(true);
  });

  it.runIf(process.getuid?.() === 0)(
    "unless the file or its folder is another user's",
    async () => {
      chownSync(answers(), 65_534, 65_534);
      expect(await asks()).toBe(true);
      // What was planted there is gone, and only what was answered now is known.
      expect(statSync(answers()).uid).toBe(0);
      expect(await asks()).toBe(false);
      chownSync(join(home, "state"), 65_534, 65_534);
      expect(await asks()).toBe(true);
      expect(await asks()).toBe(true);
    },
  );
});
