// Cuts the commands and questions that test/commands/cancel.test.ts does not: one phase after the other, each in this process.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { base } from "../../src/commands/base/base.ts";
import { build } from "../../src/commands/build.ts";
import type { Context } from "../../src/terminal/context.ts";
import { doctor } from "../../src/commands/doctor.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { watch } from "../../src/commands/watch.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { cancelled } from "../../src/report/cancelled.ts";
import { askAtTerminal } from "../../src/terminal/ask.ts";
import { PassThrough } from "node:stream";
import pc from "picocolors";
import { testFolder } from "../base/base-options.ts";
import { startServer } from "../base/http-server.ts";
import { clusterFolder, INVENTORY } from "../cluster/cluster-folder.ts";
import { describeWithTools } from "../support/tools.ts";
import { runInProcess } from "./in-process.ts";

type Work = (context: Context, folder: string) => Promise<void>;

/** @param cut the phase at whose beginning the run is stopped */
const cutIn = async (
  command: string,
  folder: string,
  work: Work,
  cut: string | undefined,
) => {
  const stop = new AbortController();
  const phases: string[] = [];
  const ran = await runInProcess(
    command,
    folder,
    (context) => work(context, folder),
    {
      signal: stop.signal,
      report: (event) => {
        if (event.type === "phase" && !phases.includes(event.phase)) {
          phases.push(event.phase);
          if (event.phase === cut) {
            stop.abort(cancelled());
          }
        }
      },
    },
  );
  return { ...ran, phases };
};

const expectCancelled = (
  { exit, said, records }: Awaited<ReturnType<typeof runInProcess>>,
  state: string,
): void => {
  expect(said).toMatch(/^error\[CANCELLED\]: /m);
  expect(said).toContain(`state: ${state}`);
  expect(said).not.toMatch(/bug|^ +at /m);
  expect(records.at(-1)).toMatchObject({
    type: "error",
    code: "CANCELLED",
    exitCode: 130,
  });
  expect(exit).toBe(130);
};

const unfinished = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)\..*\.(partial|lock)$/.test(name),
  );

const KEPT = "what was downloaded so far is kept in the cache";

const flashNode: Work = (context, folder) =>
  flash(context, [join(folder, "card.img")], {
    inventory: join(folder, "cluster.yaml"),
    out: join(folder, "out"),
    host: ["worker2"],
    base: "sample",
    yes: true,
    maxSize: 2 ** 40,
  });

describeWithTools(["xz", "flock"], "a node's card that is stopped", () => {
  const states = {
    check: "no card was written",
    erase: "card.img does not boot",
    flash: "card.img does not boot",
  } as const;

  it("has just these phases", async () => {
    const { phases, exit } = await cutIn(
      "flash",
      testFolder(),
      flashNode,
      undefined,
    );
    expect([exit, phases]).toEqual([0, Object.keys(states)]);
  });

  it.each(Object.entries(states))("in %s is told", async (phase, state) => {
    const folder = testFolder();
    const ran = await cutIn("flash", folder, flashNode, phase);
    expectCancelled(ran, "");
    expect(ran.said).toContain(state);
    expect(unfinished(folder)).toEqual([]);
  });
});

describeWithTools(["xz", "flock"], "a look at a base that is stopped", () => {
  it("leaves the good file of verify where it is", async () => {
    const folder = testFolder();
    const name = "profiles/base-images/sample-ubuntu-24.04.img.xz";
    const path = join(folder, "a.img.xz");
    const bytes = readFileSync(packageFile(name));
    writeFileSync(path, bytes);
    const work: Work = (context) =>
      base(context, ["verify", path], {
        inventory: "cluster.yaml",
        insecure: true,
      });
    expectCancelled(await cutIn("base", folder, work, "check"), KEPT);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it("ends update while the server does not answer, and leaves the lockfile", async () => {
    const server = await startServer();
    const folder = testFolder();
    const config = join(folder, "pi-image");
    mkdirSync(config);
    copyFileSync(
      packageFile("profiles/keys/ubuntu-cdimage.asc"),
      join(config, "own.asc"),
    );
    const lock = join(folder, "cluster.lock.json");
    writeFileSync(join(folder, "cluster.yaml"), INVENTORY);
    writeFileSync(
      join(config, "base-images.yaml"),
      `keys:
  own: {file: own.asc, fingerprint: 843938DF228D22F7B3742BC0D94AA3F0EFE21092}
releases:
  mine: {title: Mine, signed: list, folder: "${server.address}", file: "a*.img.xz", key: own}
`,
    );
    const stop = new AbortController();
    server.files.set("SHA256SUMS", () => stop.abort(cancelled()));
    const ran = await runInProcess(
      "base",
      folder,
      (context) =>
        base(
          { ...context, env: { ...context.env, XDG_CONFIG_HOME: folder } },
          ["update", "mine"],
          { inventory: join(folder, "cluster.yaml") },
        ),
      { signal: stop.signal },
    );
    expect(server.requests, ran.said).not.toEqual([]);
    expectCancelled(ran, KEPT);
    expect(() => readFileSync(lock)).toThrow("ENOENT");
  });
});

const watching = { timeout: "1h", interval: "1h" };

it.each([
  ["watch", watch, "nothing was changed; the cluster goes on without being"],
  [
    "doctor",
    (context: Context, given: Readonly<Record<string, unknown>>) =>
      doctor(context, ["worker2"], given),
    "nothing was changed",
  ],
] as const)("%s is told what is left", async (command, run, state) => {
  const { folder } = await clusterFolder();
  const stop = new AbortController();
  const ran = await runInProcess(
    command,
    folder,
    (context) => {
      setImmediate(() => stop.abort(cancelled()));
      return run(context, {
        inventory: join(folder, "cluster.yaml"),
        out: join(folder, "out"),
        ...watching,
      });
    },
    { signal: stop.signal },
  );
  expectCancelled(ran, state);
});

it.each(["build", "flash"] as const)(
  "%s leaves all as it was while it asks for the Wi-Fi password",
  async (command) => {
    const folder = testFolder();
    const inventory = join(folder, "cluster.yaml");
    writeFileSync(
      inventory,
      `cluster: {name: homelab}
defaults:
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
  wifi: {ssid: Zuhause, country: DE, password: prompt}
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker2, role: worker}
`,
    );
    const stop = new AbortController();
    let asked = "";
    const ask: Context["ask"] = (question) => {
      asked = question.message;
      stop.abort(cancelled());
      const input = new PassThrough() as unknown as NodeJS.ReadStream;
      const output = new PassThrough() as unknown as NodeJS.WriteStream;
      const paint = pc.createColors(false);
      return askAtTerminal(
        { ...question, hidden: false },
        { input, output, plain: true, paint },
        stop.signal,
      );
    };
    const ran = await runInProcess(
      command,
      folder,
      (context) =>
        command === "flash"
          ? flashNode(context, folder)
          : build(context, {
              inventory,
              out: join(folder, "out"),
              base: "sample",
              format: "img",
            }),
      { signal: stop.signal, ask },
    );
    expect(asked, ran.said).toContain("Zuhause");
    expectCancelled(ran, "nothing was written");
    expect(readdirSync(folder).filter((name) => !name.startsWith("."))).toEqual(
      ["cluster.yaml"],
    );
  },
);
