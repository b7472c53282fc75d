// pi-image build on the sample base, judged by the tools that will read the results. Where what is asked of it does not depend
// on the command line, it runs in this process.
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { build } from "../../src/commands/build.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { runTool, tryTool } from "../../src/system/run/run-tool.ts";
import { runInProcess } from "../commands/in-process.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { describeWithTools } from "../support/tools.ts";

const EPOCH = { SOURCE_DATE_EPOCH: "1790000000" };

/** As a user runs it. */
const runBuild = async (cwd: string, ...args: readonly string[]) => {
  const result = await runCli(["build", "--base", "sample", ...args], {
    cwd,
    env: EPOCH,
  });
  expect(result.status, result.stderr).toBe(0);
  return result;
};

/** Of all builds in this process: the base is decoded once. */
const cache = mkdtempSync(join(tmpdir(), "pi-image-cache-"));

afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Into `cwd`/`out` unless told otherwise. */
const buildHere = async (
  cwd: string,
  {
    host,
    format = "img",
    out = "out",
    base = "sample",
  }: {
    readonly host?: string;
    readonly format?: string;
    readonly out?: string;
    readonly base?: string;
  },
): Promise<void> => {
  const { exit, said } = await runInProcess(
    "build",
    cwd,
    (context) =>
      build(context, {
        inventory: join(cwd, "cluster.yaml"),
        ...(host !== undefined && { host: [host] }),
        base,
        format,
        out: join(cwd, out),
      }),
    { env: { ...EPOCH, PI_IMAGE_CACHE_HOME: cache } },
  );
  expect(exit, said).toBe(0);
};

const mode = async (path: string): Promise<number> =>
  (await stat(path)).mode & 0o777;

describe("build in an empty folder", () => {
  it("makes the image of one worker and everything beside it", async () => {
    const cwd = await temporaryFolder();
    await runBuild(cwd, "--role", "worker", "--host", "worker2");
    expect((await readdir(join(cwd, "out"))).toSorted()).toEqual([
      ".gitignore",
      "known_hosts",
      "kubeconfig",
      "ssh_config",
      "worker2",
      "worker2.img",
      "worker2.img.bmap",
      "worker2.img.sha256",
      "worker2.manifest.json",
    ]);
    expect((await readdir(join(cwd, "out", "worker2"))).toSorted()).toEqual([
      "cmdline.txt",
      "config.txt",
      "meta-data",
      "network-config",
      "user-data",
    ]);
    expect(await mode(join(cwd, "out"))).toBe(0o700);
    expect(await mode(join(cwd, "out", "worker2.img"))).toBe(0o600);
    expect(await mode(join(cwd, "out", "worker2"))).toBe(0o700);
    expect(await mode(join(cwd, "out", "worker2", "user-data"))).toBe(0o600);
    expect(await mode(join(cwd, "out", "kubeconfig"))).toBe(0o600);
    expect(await mode(join(cwd, "homelab.secrets.yaml"))).toBe(0o600);
  });

  it("gives every node its own disk id and instance id", async () => {
    const cwd = await temporaryFolder();
    await buildHere(cwd, { format: "seed" });
    const manifests = await Promise.all(
      ["cplane", "worker1", "worker2"].map(
        async (node) =>
          JSON.parse(
            await readFile(join(cwd, "out", `${node}.manifest.json`), "utf8"),
          ) as { diskId: string; seed: { instanceId: string } },
      ),
    );
    expect(new Set(manifests.map(({ diskId }) => diskId)).size).toBe(3);
    expect(new Set(manifests.map(({ seed }) => seed.instanceId)).size).toBe(3);
  });

  it("writes a patch that turns the base into the image", async () => {
    const cwd = await temporaryFolder();
    await buildHere(cwd, { host: "worker1" });
    await buildHere(cwd, { host: "worker1", format: "patch" });
    const file = join(cwd, "out/worker1.patch.json");
    expect(await mode(file)).toBe(0o600);
    const { base, imageBytes, parts } = JSON.parse(
      await readFile(file, "utf8"),
    ) as {
      base: { name: string };
      imageBytes: number;
      parts: readonly { offset: number; length: number; data: string }[];
    };
    expect(base.name).toBe("sample-ubuntu-24.04.img.xz");
    const image = await readFile(join(cwd, "out/worker1.img"));
    expect(imageBytes).toBe(image.length);
    const raw = join(cwd, "base.img");
    await runTool("sh", [
      "-c",
      'xz -dc "$1" >"$2"',
      "sh",
      packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz"),
      raw,
    ]);
    const patched = await readFile(raw);
    // The judge can see: they differ before.
    expect(patched.equals(image)).toBe(false);
    for (const { offset, length, data } of parts) {
      expect(Buffer.from(data, "base64").copy(patched, offset)).toBe(length);
    }
    expect(patched.equals(image)).toBe(true);
  });

  it("leaves no private key in a manifest, a plan or on the terminal", async () => {
    const cwd = await temporaryFolder();
    const built = await runBuild(cwd, "--format", "seed", "--json");
    const planned = await runBuild(cwd, "--dry-run");
    const manifest = await readFile(
      join(cwd, "out", "cplane.manifest.json"),
      "utf8",
    );
    const secrets = await readFile(join(cwd, "homelab.secrets.yaml"), "utf8");
    const keys = [
      ...secrets.matchAll(/PRIVATE KEY-----\s+([A-Za-z0-9+/=]{40})/g),
    ].map((match) => match[1] ?? "");
    expect(keys.length).toBeGreaterThan(8);
    const shown = [
      built.stdout,
      built.stderr,
      planned.stdout,
      planned.stderr,
      manifest,
    ].join("\n");
    for (const key of keys) {
      expect(shown).not.toContain(key);
    }
    // The judge can see: the seed of the control plane has the key of the CA.
    const seed = await readFile(join(cwd, "out/cplane/user-data"), "utf8");
    expect(keys.some((key) => seed.includes(key))).toBe(true);
  });

  it("gives the same bytes for the same inputs", async () => {
    const cwd = await temporaryFolder();
    const results = ["a", "b"];
    for (const out of results) {
      await buildHere(cwd, { host: "worker1", out });
    }
    const [first, second] = await Promise.all(
      results.map(async (out) => ({
        image: await readFile(join(cwd, out, "worker1.img")),
        others: await Promise.all(
          [
            "worker1.img.bmap",
            "worker1.img.sha256",
            "worker1.manifest.json",
            "known_hosts",
            "kubeconfig",
            "worker1/user-data",
          ].map((name) => readFile(join(cwd, out, name), "utf8")),
        ),
      })),
    );
    expect(first?.image.equals(second?.image ?? Buffer.alloc(0))).toBe(true);
    expect(first?.others).toEqual(second?.others);
  });

  it("plans without writing", async () => {
    const cwd = await temporaryFolder();
    const { stdout } = await runBuild(cwd, "--dry-run");
    expect(stdout).toContain("out/worker2.img");
    expect(await readdir(cwd)).toEqual([]);
  });
});

describeWithTools(
  ["fsck.vfat", "e2fsck", "mtype", "bmaptool", "sha256sum", "xz", "zstd"],
  "what build wrote",
  () => {
    const partitions = async (image: string, folder: string) => {
      const table = JSON.parse(
        (await runTool("sfdisk", ["--json", image])).stdout,
      ) as {
        partitiontable: { partitions: { start: number; size: number }[] };
      };
      const files: string[] = [];
      for (const { start, size } of table.partitiontable.partitions) {
        const file = join(folder, `part${start}`);
        await runTool("dd", [
          `if=${image}`,
          `of=${file}`,
          "bs=512",
          `skip=${start}`,
          `count=${size}`,
          "status=none",
        ]);
        files.push(file);
      }
      return files;
    };

    it.each(["sample", "sample-26.04"])(
      "is an image of sound file systems with the seed inside (%s)",
      async (base) => {
        const cwd = await temporaryFolder();
        await buildHere(cwd, { host: "worker1", base });
        const image = join(cwd, "out", "worker1.img");
        const [fat = "", ext4 = ""] = await partitions(image, cwd);
        const vfat = await tryTool("fsck.vfat", ["-n", "-v", fat]);
        expect(vfat.status, vfat.stdout).toBe(0);
        const e2fsck = await tryTool("e2fsck", ["-fn", ext4]);
        expect(e2fsck.status, e2fsck.stdout).toBe(0);
        for (const name of ["user-data", "meta-data", "network-config"]) {
          const { stdout } = await runTool("mtype", ["-i", fat, `::${name}`]);
          const plain = await readFile(
            join(cwd, "out", "worker1", name),
            "utf8",
          );
          expect(stdout).toBe(plain);
        }
        const cmdline = await runTool("mtype", [
          "-i",
          fat,
          base === "sample" ? "::cmdline.txt" : "::current/cmdline.txt",
        ]);
        expect(cmdline.stdout).toContain("cgroup_enable=memory");
      },
    );

    it("has checksums that sha256sum and bmaptool accept", async () => {
      const cwd = await temporaryFolder();
      await buildHere(cwd, { host: "worker1" });
      const out = join(cwd, "out");
      await runTool("sha256sum", ["--check", "worker1.img.sha256"], {
        cwd: out,
      });
      await runTool("bmaptool", [
        "copy",
        join(out, "worker1.img"),
        join(cwd, "copy.img"),
      ]);
      // The judge can refuse: one byte inside a used range.
      const image = await readFile(join(out, "worker1.img"));
      image[1_048_576 + 3] = 0x21;
      await writeFile(join(out, "worker1.img"), image);
      const refused = await tryTool("bmaptool", [
        "copy",
        join(out, "worker1.img"),
        join(cwd, "copy2.img"),
      ]);
      expect(refused.status).not.toBe(0);
    });

    it("is the same image in every format", async () => {
      const cwd = await temporaryFolder();
      await buildHere(cwd, { host: "worker1" });
      const raw = await readFile(join(cwd, "out", "worker1.img"));
      for (const [format, tool] of [
        ["img.xz", "xz"],
        ["img.zst", "zstd"],
      ] as const) {
        const out = `out-${format}`;
        await buildHere(cwd, { host: "worker1", format, out });
        const file = join(cwd, out, `worker1.${format}`);
        await runTool("sha256sum", ["--check", "worker1.img.sha256"], {
          cwd: join(cwd, out),
        });
        await runTool("sh", [
          "-c",
          `${tool} -dc "$1" > "$2"`,
          "sh",
          file,
          join(cwd, "decoded"),
        ]);
        const decoded = await readFile(join(cwd, "decoded"));
        expect(decoded.equals(raw), format).toBe(true);
      }
    });
  },
);
