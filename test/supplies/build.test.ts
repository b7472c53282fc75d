// pi-image build, check and flash with add-ons and mirrors, as a user runs them; no server outside this computer is asked.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { publicKeyHash } from "../../src/kubernetes/certificate.ts";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { loadPins } from "../../src/supplies/load-pins.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { deadAddress, startServer } from "../base/http-server.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCli } from "../support/run-cli.ts";
import { ADDON, ADDON_URL, sha256 } from "./manifests.ts";

/** The digest of the public key of the cluster's authority. */
const authorityIn = async (folder: string): Promise<string> => {
  const name = (await readdir(folder)).find((file) =>
    file.endsWith(".secrets.yaml"),
  );
  const loaded = await loadClusterSecrets(join(folder, name ?? ""), {});
  return publicKeyHash(loaded?.secrets.ca.certificate ?? "");
};

const SAMPLE = packageFile("profiles/base-images/sample-ubuntu-24.04.img.xz");

/** A folder with an inventory whose mirrors are all at this address. */
const projectAt = async (address: string, addons: readonly string[] = []) => {
  const cwd = await temporaryFolder();
  const mirror = address.replace(/\/$/, "");
  await writeFile(
    join(cwd, "cluster.yaml"),
    `cluster:
  name: homelab
  mirrors: {kubernetesPackages: "${mirror}", manifests: "${mirror}"}
  addons: ${JSON.stringify(addons)}
defaults:
  base: sample
  users: [{name: ana, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqWKuBLVgYPj6tLVvmnJ5Iu3VPrFQDmRTsVZyyMXV0x]}]
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker1, role: worker}
`,
  );
  return cwd;
};

const run = (cwd: string, ...args: readonly string[]) =>
  runCli(args, { cwd, env: { SOURCE_DATE_EPOCH: "1790000000" } });

const seeds = (cwd: string, ...args: readonly string[]) =>
  run(cwd, "build", "--format", "seed", ...args);

/** The texts under /var/lib/pi-image/manifests on the node. */
const manifestsOn = async (cwd: string, node: string) => {
  const { write_files: files } = parse(
    await readFile(join(cwd, "out", node, "user-data"), "utf8"),
  ) as {
    write_files: { path: string; content: string; encoding?: string }[];
  };
  return files.flatMap(({ path, content, encoding }) =>
    path.startsWith("/var/lib/pi-image/manifests/")
      ? {
          name: path.slice("/var/lib/pi-image/manifests/".length),
          text:
            encoding === "gz+b64"
              ? gunzipSync(Buffer.from(content, "base64")).toString("utf8")
              : content,
        }
      : [],
  );
};

const serveAddon = async () => {
  const server = await startServer();
  server.files.set("metrics/components.yaml", Buffer.from(ADDON));
  return server;
};

describe("build without a network", () => {
  it("goes on with the sample, and says loudly what is missing", async () => {
    const cwd = await projectAt(await deadAddress());
    const { status, stderr } = await seeds(cwd);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      "warning: no network: the image carries no manifest of flannel",
    );
    expect(stderr).toContain(
      "warning: no network: the key of the Kubernetes packages is not on the card",
    );
    expect(await manifestsOn(cwd, "cplane")).toEqual([]);
  });

  it("goes on with a base file too: it may be all that somebody has", async () => {
    const cwd = await projectAt(await deadAddress());
    await writeFile(join(cwd, "own.img.xz"), await readFile(SAMPLE));
    const { status, stderr } = await seeds(
      cwd,
      "--base",
      "own.img.xz",
      "--insecure",
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      "warning: no network: the image carries no manifest of flannel",
    );
  });

  it("stops before anything is made, where the base came from the network", async () => {
    const cwd = await projectAt(await deadAddress());
    const server = await startServer();
    const sample = await readFile(SAMPLE);
    server.files.set("own.img.xz", sample);
    const { status, stderr } = await seeds(
      cwd,
      "--base",
      `${server.address}own.img.xz`,
      "--sha256",
      createHash("sha256").update(sample).digest("hex"),
    );
    expect(status).toBe(1);
    expect(stderr).toContain("error[MANIFEST_UNREACHABLE]: flannel ");
    expect(stderr).toContain("state: nothing was written");
    expect((await readdir(cwd)).toSorted()).toEqual([".cache", "cluster.yaml"]);
  });

  it("makes a worker from a real base, which fetches the key by itself", async () => {
    const cwd = await projectAt(await deadAddress());
    await writeFile(join(cwd, "own.img.xz"), await readFile(SAMPLE));
    const { status, stderr } = await seeds(
      cwd,
      "--base",
      "own.img.xz",
      "--insecure",
      "--host",
      "worker1",
    );
    expect(status, stderr).toBe(0);
    expect(stderr).not.toContain("no manifest");
    expect(stderr).toContain(
      "the node fetches it at its first boot and checks its fingerprint",
    );
  });
});

describe("add-ons and the lockfile", () => {
  it("go onto the first control plane, and are recorded", async () => {
    const server = await serveAddon();
    const cwd = await projectAt(server.address, [
      "file:app.yaml",
      `url:${ADDON_URL}`,
    ]);
    await writeFile(join(cwd, "app.yaml"), `${ADDON}# of my own\n`);
    const { status, stderr } = await seeds(cwd);
    expect(status, stderr).toBe(0);
    expect(await manifestsOn(cwd, "cplane")).toEqual([
      { name: "20-addon-01-app.yaml", text: `${ADDON}# of my own\n` },
      { name: "20-addon-02-components.yaml", text: ADDON },
    ]);
    expect(await manifestsOn(cwd, "worker1")).toEqual([]);
    expect(await readFile(join(cwd, "cluster.lock.json"), "utf8")).toBe(
      `${JSON.stringify(
        {
          schema: 1,
          kubernetes: { minor: "1.36", patch: "1.36.5" },
          bases: [
            {
              name: "sample",
              file: "sample-ubuntu-24.04.img.xz",
              sha256: sha256(await readFile(SAMPLE)),
            },
          ],
          manifests: [
            {
              name: "components.yaml",
              version: null,
              url: ADDON_URL,
              sha256: sha256(ADDON),
            },
          ],
          keys: [],
          cluster: { authority: await authorityIn(cwd) },
        },
        undefined,
        2,
      )}\n`,
    );
  });

  it("stop a build on another computer, where an address has something else", async () => {
    const server = await serveAddon();
    const cwd = await projectAt(server.address, [`url:${ADDON_URL}`]);
    const first = await seeds(cwd);
    expect(first.status, first.stderr).toBe(0);
    server.files.set("metrics/components.yaml", Buffer.from(`${ADDON}# new\n`));
    const elsewhere = await runCli(["build", "--format", "seed"], {
      cwd,
      env: { PI_IMAGE_CACHE_HOME: await temporaryFolder() },
    });
    expect(elsewhere.status).toBe(4);
    expect(elsewhere.stderr).toContain("error[CHECKSUM_MISMATCH]");
    expect(elsewhere.stderr).toContain(
      "to accept it, remove the entry of this address from cluster.lock.json and build again",
    );
  });

  it("are looked at by check, which writes nothing", async () => {
    const server = await serveAddon();
    const cwd = await projectAt(server.address, [
      "file:app.yaml",
      `url:${ADDON_URL}`,
    ]);
    await writeFile(join(cwd, "app.yaml"), ADDON);
    const good = await run(cwd, "check");
    expect(good.status, good.stderr).toBe(0);
    await writeFile(join(cwd, "app.yaml"), "apiVersion: v1\nkindness: Pod\n");
    const bad = await run(cwd, "check");
    expect(bad.status).toBe(2);
    expect(bad.stderr)
      .toContain(`error[ADDON_NO_MANIFEST]: the add-on app.yaml has a document without kind, so it is not a Kubernetes object
 --> app.yaml:1:1
  |
1 | apiVersion: v1`);
    expect(server.requests).toEqual([]);
    expect((await readdir(cwd)).toSorted()).toEqual([
      "app.yaml",
      "cluster.yaml",
    ]);
  });

  it("are in the plan", async () => {
    const cwd = await projectAt(await deadAddress());
    const { stdout } = await run(cwd, "build", "--dry-run");
    expect(stdout).toContain("\n  cluster.lock.json");
    expect(await readdir(cwd)).toEqual(["cluster.yaml"]);
  });
});

it("flash takes the image that was built, also when the servers are gone", async () => {
  const server = await serveAddon();
  const cwd = await projectAt(server.address, [`url:${ADDON_URL}`]);
  const built = await run(cwd, "build", "--host", "cplane");
  expect(built.status, built.stderr).toBe(0);
  await server.close();
  const flash = () =>
    run(cwd, "flash", "card.img", "--host", "cplane", "--yes", "--dry-run");
  await writeFile(join(cwd, "card.img"), Buffer.alloc(64 * 1024 * 1024));
  const same = await flash();
  expect(same.status, same.stderr).toBe(0);
  expect(same.stdout).toContain("out/cplane.img");
  // It can tell: with another add-on the image is out of date.
  await writeFile(join(cwd, "app.yaml"), ADDON);
  const inventory = join(cwd, "cluster.yaml");
  await writeFile(
    inventory,
    (await readFile(inventory, "utf8")).replace(
      "addons: [",
      'addons: ["file:app.yaml",',
    ),
  );
  const changed = await flash();
  expect(changed.stderr).toContain(
    "was built before something about cplane changed",
  );
});

it("the package pins a manifest for each plug-in, at an address that never changes", async () => {
  const { manifests } = await loadPins();
  expect(Object.keys(manifests)).toEqual(["flannel", "calico", "cilium"]);
  for (const { url, version } of Object.values(manifests)) {
    expect(url).toContain(version);
  }
});
