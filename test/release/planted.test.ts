// Secrets that were planted where they do happen: in a base that somebody prepared by hand, and in a fragment.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runTool } from "../../src/system/run/run-tool.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { describeWithTools } from "../support/tools.ts";
import { makeProject, type Project } from "./release-folder.ts";

/** Where the sample's root partition begins. */
const ROOT = "?offset=36700160";

describeWithTools(
  ["debugfs", "ssh-keygen", "xz", "sfdisk"],
  "a release of",
  () => {
    let project: Project;
    const base = () => project.path("golden.img");

    beforeAll(async () => {
      project = makeProject();
      await runTool("sh", [
        "-c",
        'xz -dc "$1" >"$2"',
        "sh",
        packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz"),
        base(),
      ]);
      const table = JSON.parse(
        (await runTool("sfdisk", ["--json", base()])).stdout,
      ) as { partitiontable: { partitions: { start: number }[] } };
      const start = table.partitiontable.partitions[1]?.start ?? 0;
      expect(`?offset=${start * 512}`).toBe(ROOT);
    });
    afterAll(() => project.remove());

    const release = (...args: readonly string[]) =>
      project.tryPi([
        "release",
        "--role",
        "worker",
        "--base",
        "golden.img",
        "--insecure",
        ...args,
      ]);

    it("a base that nobody published, without a secret, is made", async () => {
      const clean = await release("--out", "clean");
      expect(clean.status, clean.stderr).toBe(0);
      expect(readdirSync(project.path("clean"))).toContain("SHA256SUMS");
    });

    it("a base with a host key is refused, until the user says that it is none", async () => {
      execFileSync(
        "ssh-keygen",
        ["-q", "-t", "ed25519", "-N", "", "-f", project.path("key")],
        { stdio: "pipe" },
      );
      await runTool("debugfs", [
        "-w",
        "-R",
        `write ${project.path("key")} ssh_host_ed25519_key`,
        `${base()}${ROOT}`,
      ]);
      mkdirSync(project.path("release"));
      writeFileSync(
        project.path("release", "SHA256SUMS"),
        "of an earlier release\n",
      );
      const refused = await release();
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain("error[RELEASE_HOLDS_SECRET]: ");
      expect(refused.stderr).toMatch(/byte:\d+: a private key/);
      // Not a word of the key, and no image.
      const body =
        readFileSync(project.path("key"), "utf8").split("\n")[2] ?? "";
      expect(body.length).toBeGreaterThan(40);
      expect(refused.stderr + refused.stdout).not.toContain(body);
      // The earlier release stays whole.
      expect(readdirSync(project.path("release"))).toEqual(["SHA256SUMS"]);
      const place = /(byte:\d+)/.exec(refused.stderr)?.[1] ?? "";
      const accepted = await release("--not-secret", place);
      expect(accepted.status, accepted.stderr).toBe(0);
    });

    it("a fragment with the project's own secret is refused", async () => {
      await project.pi("build", "--host", "attic", "--format", "seed");
      const secrets = readFileSync(
        project.path("homelab.secrets.yaml"),
        "utf8",
      );
      const token = /bootstrapToken: (\S+)/.exec(secrets)?.[1] ?? "";
      const fragments = project.path("cloud-init", "fragments");
      mkdirSync(fragments, { recursive: true });
      mkdirSync(project.path("profiles"));
      writeFileSync(
        `${fragments}/own.yaml`,
        `#cloud-config\nruncmd:\n  - [echo, "${token}"]\nwrite_files:\n  - {path: /wifi, content: "correct horse battery"}\n`,
      );
      const profile = readFileSync(packageFile("profiles/worker.yaml"), "utf8");
      writeFileSync(
        project.path("profiles", "worker.yaml"),
        `${profile}\n  - own.yaml\n`,
      );
      const refused = await project.tryPi([
        "release",
        "--role",
        "worker",
        "--out",
        "own",
      ]);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toMatch(
        /vendor-data:\d+: the cluster's bootstrap token/,
      );
      expect(refused.stderr).toMatch(
        /vendor-data:\d+: the password of the Wi-Fi network upstairs/,
      );
      expect(refused.stderr).not.toContain(token);
      expect(refused.stderr).not.toContain("correct horse");
    });
  },
);
