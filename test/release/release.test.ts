// pi-image release as a CI job runs it, judged by the tools with which others check and flash what it gives.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  bootFiles,
  IDENTITY,
  makeProject,
  type Project,
} from "./release-folder.ts";

const PASSPHRASE = "a passphrase of the CI";

/** A key with a passphrase, as gpg exports it for a CI's secret store. */
const makeSigningKey = () => {
  const home = mkdtempSync(join(tmpdir(), "pi-image-gpg-"));
  const gpg = (...args: readonly string[]) =>
    execFileSync(
      "gpg",
      [
        "--homedir",
        home,
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        PASSPHRASE,
        ...args,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
  gpg("--quick-generate-key", "Releases <ci@example.com>", "ed25519", "sign");
  const keyring = join(home, "release.gpg");
  gpg("--output", keyring, "--export");
  return {
    secret: gpg("--armor", "--export-secret-keys"),
    keyring,
    remove: () => {
      execFileSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"], {
        stdio: "pipe",
      });
      rmSync(home, { recursive: true, force: true });
    },
  };
};

describeWithTools(
  [
    "gpg",
    "gpgv",
    "gpgconf",
    "sha256sum",
    "xz",
    "zstd",
    "bmaptool",
    "mcopy",
    "dd",
  ],
  "a release",
  () => {
    let project: Project;
    let key: ReturnType<typeof makeSigningKey>;
    const file = (name: string) => project.path("release", name);
    const worker = "homelab-worker-sample";

    beforeAll(async () => {
      key = makeSigningKey();
      project = makeProject();
      const released = await project.tryPi(
        [
          "release",
          "--format",
          "img.xz,img.zst",
          "--url",
          "https://example.com/v1",
        ],
        {
          PI_IMAGE_SIGNING_KEY: key.secret,
          PI_IMAGE_SIGNING_PASSPHRASE: PASSPHRASE,
        },
      );
      expect(released.status, released.stderr).toBe(0);
      expect(released.stderr).not.toContain(PASSPHRASE);
    });
    afterAll(() => {
      project.remove();
      key.remove();
    });

    it("has just the files that the plan names, readable by all", async () => {
      const { stdout } = await project.tryPi(
        [
          "release",
          "--format",
          "img.zst,img.xz",
          "--url",
          "https://example.com/v1",
          "--dry-run",
          "--json",
        ],
        {
          PI_IMAGE_SIGNING_KEY: key.secret,
          PI_IMAGE_SIGNING_PASSPHRASE: PASSPHRASE,
        },
      );
      const { plan } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
        plan: { steps: { outputs: string[] }[]; outputs: string[] };
      };
      const planned = [
        ...plan.steps.flatMap(({ outputs }) => outputs),
        ...plan.outputs,
      ].map((path) => path.replace("release/", ""));
      // One that release made itself is nothing for git.
      expect(readdirSync(project.path("release")).toSorted()).toEqual(
        [".gitignore", ...planned].toSorted(),
      );
      expect(statSync(file(`${worker}.img.xz`)).mode & 0o444).toBe(0o444);
      // A release needs no secrets and makes none.
      expect(readdirSync(project.folder).toSorted()).toEqual(
        [
          "cluster.yaml",
          "release",
          ...readdirSync(project.folder).filter((name) => name.startsWith(".")),
        ].toSorted(),
      );
    });

    it("has checksums that sha256sum accepts and a signature that gpgv accepts", async () => {
      const cwd = project.path("release");
      await runTool("sha256sum", ["--check", "--strict", "SHA256SUMS"], {
        cwd,
      });
      const listed = (await readFile(file("SHA256SUMS"), "utf8"))
        .trim()
        .split("\n")
        .map((line) => line.slice(66));
      expect(listed).toEqual(
        readdirSync(cwd)
          .filter((name) => !/^SHA256SUMS|^signing-key|^\.gitignore/.test(name))
          .toSorted(),
      );
      const gpgv = (list: string) =>
        tryTool("gpgv", [
          "--keyring",
          key.keyring,
          file("SHA256SUMS.gpg"),
          list,
        ]);
      const accepted = await gpgv(file("SHA256SUMS"));
      expect(accepted.status, accepted.stderr).toBe(0);
      // The judges can refuse.
      const other = project.path("other");
      await writeFile(other, `${"0".repeat(64)}  ${worker}.img.xz\n`);
      expect((await gpgv(other)).status).not.toBe(0);
      const wrong = await tryTool("sha256sum", ["--check", other], { cwd });
      expect(wrong.status).not.toBe(0);
      // What is published beside it is the public half of the key.
      const published = await readFile(file("signing-key.asc"), "utf8");
      expect(published).toContain("BEGIN PGP PUBLIC KEY BLOCK");
    });

    it("has archives that xz and zstd accept, in blocks that can be decoded side by side", async () => {
      await runTool("xz", ["--test", file(`${worker}.img.xz`)]);
      await runTool("zstd", ["--test", "--quiet", file(`${worker}.img.zst`)]);
      const { stdout } = await runTool("xz", [
        "--list",
        "--robot",
        file(`${worker}.img.xz`),
      ]);
      const blocks = Number(/^file\t\d+\t(\d+)/m.exec(stdout)?.[1]);
      // Of a MiB each.
      expect(blocks).toBeGreaterThan(60);
      await runTool("sh", [
        "-c",
        'xz -dc "$1" >"$3" && zstd -dcq "$2" | cmp - "$3"',
        "sh",
        file(`${worker}.img.xz`),
        file(`${worker}.img.zst`),
        project.path("raw.img"),
      ]);
    });

    it("is the same card from dd, from bmaptool and from pi-image", async () => {
      const [dd, bmap, ours] = ["dd.img", "bmap.img", "ours.img"].map((name) =>
        project.path(name),
      );
      await runTool("sh", [
        "-c",
        'xz -dc "$1" | dd of="$2" bs=4M status=none',
        "sh",
        file(`${worker}.img.xz`),
        dd ?? "",
      ]);
      const archive = `release/${worker}.img.xz`;
      await project.pi("flash", "ours.img", archive, "--yes", "--wipe");
      await runTool("cmp", [dd ?? "", ours ?? ""]);
      // bmaptool finds the map by its name and checks every range of it.
      await runTool("bmaptool", ["copy", file(`${worker}.img.xz`), bmap ?? ""]);
      expect(await bootFiles(bmap ?? "")).toEqual(await bootFiles(dd ?? ""));
      const map = await readFile(file(`${worker}.img.bmap`), "utf8");
      await writeFile(
        project.path("wrong.bmap"),
        map.replace(/chksum="[0-9a-f]{64}"/, `chksum="${"0".repeat(64)}"`),
      );
      const refused = await tryTool("bmaptool", [
        "copy",
        "--bmap",
        project.path("wrong.bmap"),
        file(`${worker}.img.xz`),
        bmap ?? "",
      ]);
      expect(refused.status).not.toBe(0);
    });

    it("tells nothing of the nodes", async () => {
      const files = await bootFiles(project.path("dd.img"));
      const texts = [...files]
        .filter(([name]) => /data|config|json|txt/.test(name))
        .map(([, content]) => Buffer.from(content, "base64").toString());
      expect(texts.length).toBeGreaterThan(5);
      const beside = await Promise.all(
        readdirSync(project.path("release"))
          .filter((name) => /json|manifest|SHA/.test(name))
          .map((name) => readFile(file(name), "utf8")),
      );
      for (const word of IDENTITY) {
        expect(
          [...texts, ...beside].filter((text) => text.includes(word)),
          word,
        ).toEqual([]);
      }
      const user = Buffer.from(files.get("user-data") ?? "", "base64");
      expect(parse(user.toString())).toEqual({ ssh_pwauth: false });
    });

    it.each([
      [
        "no key at all",
        { PI_IMAGE_SIGNING_KEY: "nonsense" },
        "is not an armored OpenPGP private key",
      ],
      ["a missing passphrase", {}, "has a passphrase"],
      [
        "a wrong passphrase",
        { PI_IMAGE_SIGNING_PASSPHRASE: "x" },
        "does not open with the passphrase",
      ],
    ])("is refused with %s", async (_, env, message) => {
      const refused = await project.tryPi(["release", "--out", "refused"], {
        PI_IMAGE_SIGNING_KEY: key.secret,
        ...env,
      });
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain("error[SIGNING_KEY_UNUSABLE]: ");
      expect(refused.stderr).toContain(message);
      expect(refused.stderr).not.toContain("BEGIN PGP");
      expect(readdirSync(project.folder)).not.toContain("refused");
    });

    it.each([
      [
        ["--base", "archlinuxarm"],
        "error[BASE_UNSUITABLE]: a role image cannot be made from archlinuxarm: without cloud-init",
      ],
      [
        ["--base", "ubuntu-22.04"],
        "error[BASE_TOO_OLD]: cellar is a Raspberry Pi 5, and Ubuntu 22.04 does not boot on it",
      ],
      [["--format", "img"], "a release has no format img"],
      [["--url", "ftp://example.com"], "ftp://example.com is not an address"],
      [["--name", "../x"], '"../x" cannot be the beginning'],
      [["--role", "gateway"], "no node of the inventory has the role gateway"],
    ])("refuses %j", async (args, message) => {
      const refused = await project.tryPi(["release", ...args]);
      expect(refused.status, refused.stderr).toBe(2);
      expect(refused.stderr).toContain(message);
    });
  },
);
