// Who encrypts the secrets file learns where the same secrets lie in plain, and can build without laying any.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { build } from "../../src/commands/build.ts";
import type { Context } from "../../src/terminal/context.ts";
import { flash } from "../../src/commands/flash/flash.ts";
import { secrets } from "../../src/commands/secrets/secrets.ts";
import { temporaryFolder } from "../device/loop.ts";
import { answering } from "./answering.ts";

const INVENTORY = `cluster: {name: homelab}
defaults: {users: [{name: ana}]}
nodes: [{name: cplane, role: control-plane}, {name: worker1, role: worker}]
`;

describe("with an encrypted secrets file", () => {
  it("build and secrets status tell of plain copies, and --no-keep lays none", async () => {
    const home = temporaryFolder();
    const folder = join(home, "project");
    const out = join(folder, "out");
    mkdirSync(folder);
    const inventory = join(folder, "cluster.yaml");
    writeFileSync(inventory, INVENTORY);
    const identity = await generateIdentity();
    writeFileSync(join(home, "age.txt"), identity, { mode: 0o600 });
    const env = {
      ...process.env,
      PI_IMAGE_AGE_IDENTITY: join(home, "age.txt"),
      XDG_CACHE_HOME: join(home, "cache"),
      KUBECONFIG: join(home, "config"),
    };
    const run = async (work: (context: Context) => Promise<void>) => {
      const { context, told } = answering(env, () => "");
      const warnings: string[] = [];
      await work({
        ...context,
        report: (event) => {
          if (event.type === "warning") {
            warnings.push(event.message);
          }
        },
      });
      context.close();
      return { told, warnings: warnings.join("\n") };
    };
    const building = (more: Readonly<Record<string, unknown>>) =>
      run((context) =>
        build(context, {
          inventory,
          out,
          base: "sample",
          format: "img",
          encryptTo: [],
          ...more,
        }),
      );
    const status = () =>
      run((context) => secrets(context, ["status"], { inventory, out }));

    const encryptTo = [await identityToRecipient(identity)];
    const none = await building({ keep: false, encryptTo });
    expect(none.warnings).not.toContain("in plain");
    expect(none.told.join("\n")).toContain("no image was written");
    expect(readdirSync(folder)).toEqual([
      "cluster.lock.json",
      "cluster.yaml",
      "homelab.secrets.yaml",
    ]);
    expect((await status()).told.join("\n")).toContain(
      "In plain they are nowhere",
    );

    const kept = await building({ format: "seed" });
    expect(kept.warnings).toMatch(
      /homelab\.secrets\.yaml is encrypted, but 3 files in .*out hold the same secrets in plain/,
    );
    copyFileSync(join(out, "kubeconfig"), join(home, "config"));
    copyFileSync(join(out, "kubeconfig"), join(home, "config.2026.bak"));
    writeFileSync(join(home, "config.other"), "clusters: []\n");
    writeFileSync(join(out, "worker1.img.xz"), "x");
    const backup = join(folder, "homelab.secrets.yaml~");
    writeFileSync(backup, "cluster: homelab\n");
    copyFileSync(
      join(folder, "homelab.secrets.yaml"),
      join(folder, "homelab.secrets.yaml.bak"),
    );
    const { told } = await status();
    const copies = told
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ type }) => type === "copy")
      .map(({ path }) => path);
    expect(copies).toEqual([
      backup,
      join(out, "cplane", "user-data"),
      join(out, "kubeconfig"),
      join(out, "worker1", "user-data"),
      join(out, "worker1.img.xz"),
      join(home, "config"),
      join(home, "config.2026.bak"),
    ]);
    expect(told.join("\n")).toContain("In plain on this computer:");

    const rotated = await run((context) =>
      secrets(context, ["rotate"], { inventory, out, encryptTo, yes: true }),
    );
    expect(rotated.warnings).toContain(
      "homelab.secrets.yaml is encrypted, but 7 files on this computer hold the same secrets in plain",
    );
    expect(rotated.told.join("\n")).toContain("worker1.img.xz");
  });

  it("flash tells git to leave alone what it keeps, as build does, and tells what git has", async () => {
    const folder = temporaryFolder();
    const inventory = join(folder, "cluster.yaml");
    writeFileSync(inventory, INVENTORY);
    execFileSync("git", ["init", "-q", folder], { stdio: "pipe" });
    const card = join(folder, "..", "card");
    const run = async () => {
      const { context } = answering(
        { ...process.env, XDG_CACHE_HOME: join(folder, "..", "cache") },
        () => "",
      );
      const warnings: string[] = [];
      await flash(
        {
          ...context,
          report: (event) => {
            if (event.type === "warning") {
              warnings.push(event.message);
            }
          },
        },
        [card],
        {
          inventory,
          out: join(folder, "out"),
          host: ["worker1"],
          base: "sample",
          yes: true,
          maxSize: 2 ** 40,
        },
      );
      context.close();
      return warnings.join("\n");
    };
    const git = (...words: readonly string[]) =>
      execFileSync("git", ["-C", folder, ...words], {
        encoding: "utf8",
        stdio: "pipe",
      });
    expect(await run()).not.toContain("git tracks");
    expect(git("status", "--porcelain", "-uall").split("\n")).toEqual([
      "?? .gitignore",
      "?? cluster.lock.json",
      "?? cluster.yaml",
      "",
    ]);
    git("add", "--force", "homelab.secrets.yaml");
    expect(await run()).toContain("homelab.secrets.yaml: whoever has");
  });
});
