import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { loadLibrary } from "../../src/seed/library/load-library.ts";
import { resolveHost } from "../../src/inventory/resolve-host.ts";
import { renderSeed } from "./render-seed.ts";
import { childOf, toValue } from "../../src/seed/library/tree.ts";
import { packageFile } from "../../src/system/package-files.ts";
import { sampleNode, sampleProject, seedInput } from "./sample-project.ts";
import { summary } from "./trees.ts";

const folders: string[] = [];

/** A folder with these files. */
const project = async (files: Readonly<Record<string, string>>) => {
  const folder = await mkdtemp(join(tmpdir(), "pi-image-library-"));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
};

const load = async (files: Readonly<Record<string, string>>) => {
  const folder = await project(files);
  const loaded = await loadLibrary(folder);
  const { seed, problems } = renderSeed({
    ...(await seedInput(sampleProject, sampleNode)),
    library: loaded.library,
  });
  return {
    ...loaded,
    seed,
    all: [...loaded.problems, ...problems].map((problem) =>
      summary(problem).replace(`${folder}/`, ""),
    ),
    labels: problems.map(({ label }) => label?.replace(`${folder}/`, "")),
    // Those of YAML itself belong to the inventory's reader.
    hints: [...loaded.problems, ...problems]
      .filter(({ code }) => code !== "YAML_SYNTAX")
      .map(({ hint }) => hint),
    folder,
  };
};

afterEach(async () => {
  for (const folder of folders.splice(0)) {
    await rm(folder, { recursive: true });
  }
});

const profile = (...fragments: string[]) =>
  `description: Ours.\nfragments:\n${fragments.map((path) => `  - ${path}\n`).join("")}`;

describe("the package's library", () => {
  it("has no problems", async () => {
    const { problems, library } = await loadLibrary(undefined);
    expect(problems).toEqual([]);
    expect([...library.profiles.keys()]).toEqual([
      "control-plane.yaml",
      "gateway.yaml",
      "storage-worker.yaml",
      "storage.yaml",
      "worker.yaml",
    ]);
  });

  it("puts every file of cloud-init/files/ onto a node with the mode it has here", async () => {
    const { library } = await loadLibrary(undefined);
    const entries = [...library.fragments.values()].flatMap((tree) => {
      const files = childOf(tree, "write_files");
      return files?.kind === "list" ? files.items.map(toValue) : [];
    });
    // Those that only some inventories ask for are added by host-files.ts, bundle-files.ts and cluster-time.ts.
    const asked =
      /(bundle\.sh|pi-image-time\.service|time-server|phases\/(11-host|45-images|65-extras|66-wifi))$/;
    for (const path of library.files.keys()) {
      if (asked.test(path)) {
        continue;
      }
      const { mode } = await stat(packageFile(`cloud-init/files/${path}`));
      expect(entries).toContainEqual({
        path: `/${path}`,
        permissions: (mode & 0o100) === 0 ? "0644" : "0755",
        content: `\${file:${path}}`,
      });
    }
  });

  it("has no fragment that no role uses", async () => {
    const { library } = await loadLibrary(undefined);
    const patterns = [...library.profiles.values()].flatMap((role) =>
      (role?.fragments ?? []).map(
        ({ value }) =>
          new RegExp(`^${value.replaceAll(/\$\{[^}]*\}/g, "[a-z0-9-]+")}$`),
      ),
    );
    for (const path of library.fragments.keys()) {
      expect(
        patterns.some((pattern) => pattern.test(path)),
        path,
      ).toBe(true);
    }
  });
});

describe("the user's library", () => {
  it("may be absent", async () => {
    const { all, seed } = await load({});
    expect(all).toEqual([]);
    expect(seed).toBeDefined();
  });

  it("overrides by path and adds", async () => {
    const { all, seed } = await load({
      "cloud-init/fragments/host/time-and-language.yaml":
        "#cloud-config\ntimezone: Etc/UTC\n",
      "cloud-init/fragments/my/own.yaml":
        "#cloud-config\nwrite_files:\n  - {path: /etc/motd, content: '${file:etc/motd}'}\n",
      "cloud-init/files/etc/motd": "Hello ${node.name}\n",
      "profiles/worker.yaml": profile(
        "host/time-and-language.yaml",
        "my/own.yaml",
      ),
    });
    expect(all).toEqual([]);
    expect(seed?.userData).toContain("timezone: Etc/UTC\n");
    expect(seed?.userData).toContain("Hello ${node.name}\n");
    expect(seed?.userData).not.toContain("locale");
  });

  it("ignores files that are not a profile of a role", async () => {
    expect(
      (
        await load({
          "profiles/base-images.yaml": "a: [",
          "profiles/notes.txt": "",
        })
      ).all,
    ).toEqual([]);
  });

  it("reports all mistakes of all files at once", async () => {
    const { all, hints, sources, folder } = await load({
      "profiles/control-plane.yaml":
        "description: x\nfragments: [host/name.yaml, host/nam.yaml]\nextra: 1\n",
      "profiles/worker.yaml": profile(
        "host/name.yaml",
        "host/nmae.yaml",
        "runtime/${runtime.srevice}.yaml",
        "kubernetes/${cluster.cni}.yaml",
        "my/broken.yaml",
        "my/headless.yaml",
        "my/values.yaml",
      ),
      "cloud-init/fragments/my/broken.yaml": "#cloud-config\nruncmd: [a\n",
      "cloud-init/fragments/my/headless.yaml": "runcmd: [a]\n",
      "cloud-init/fragments/my/values.yaml":
        "#cloud-config\nruncmd:\n  - echo ${pki.ca.key}\n",
      "cloud-init/network/country.yaml": "a: b: c\n",
    });
    expect(all).toMatchInlineSnapshot(`
      [
        "profiles/control-plane.yaml:3:1 PROFILE_SHAPE a profile has no key "extra"",
        "cloud-init/fragments/my/broken.yaml:3:1 YAML_SYNTAX this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
        "cloud-init/fragments/my/headless.yaml:1:1 FRAGMENT_HEADER the first line is not #cloud-config",
        "cloud-init/network/country.yaml:1:4 YAML_SYNTAX this is not valid YAML: Nested mappings are not allowed in compact mappings",
        "profiles/control-plane.yaml:2:29 FRAGMENT_MISSING there is no fragment host/nam.yaml",
        "profiles/worker.yaml:4:5 FRAGMENT_MISSING there is no fragment host/nmae.yaml",
        "profiles/worker.yaml:5:13 VALUE_UNKNOWN there is no value named \${runtime.srevice} for this node",
        "profiles/worker.yaml:6:5 FRAGMENT_MISSING there is no fragment kubernetes/flannel.yaml",
        "cloud-init/fragments/my/values.yaml:3:10 VALUE_UNKNOWN there is no value named \${pki.ca.key} for this node",
      ]
    `);
    expect(hints).toMatchInlineSnapshot(`
      [
        "a profile has the keys \`description\` (one sentence) and \`fragments\` (a list of paths)",
        "every fragment is a cloud-config document of its own: start it with #cloud-config",
        "there are host/boot-partition.yaml, host/internet-no.yaml, host/internet-yes.yaml, host/machine-id.yaml, host/name.yaml, host/power-cut.yaml, host/ssh-host-key.yaml, host/system-archlinuxarm.yaml, host/system-raspios.yaml, host/system-ubuntu.yaml, host/time-and-language.yaml, host/users.yaml, host/wifi-one.yaml and host/wifi-several.yaml under cloud-init/fragments/",
        "there are host/boot-partition.yaml, host/internet-no.yaml, host/internet-yes.yaml, host/machine-id.yaml, host/name.yaml, host/power-cut.yaml, host/ssh-host-key.yaml, host/system-archlinuxarm.yaml, host/system-raspios.yaml, host/system-ubuntu.yaml, host/time-and-language.yaml, host/users.yaml, host/wifi-one.yaml and host/wifi-several.yaml under cloud-init/fragments/",
        "did you mean \${runtime.service}?",
        "there are kubernetes/authority.yaml, kubernetes/init-or-join.yaml, kubernetes/init.yaml, kubernetes/join-by-certificate.yaml, kubernetes/join-by-token.yaml, kubernetes/kernel.yaml, kubernetes/packages.yaml and kubernetes/swap-off.yaml under cloud-init/fragments/",
        "to write it literally, double the dollar sign: $\${",
      ]
    `);
    expect(sources.get(join(folder, "cloud-init/network/country.yaml"))).toBe(
      "a: b: c\n",
    );
  });

  it("reports files that cannot be read as text", async () => {
    const folder = await project({});
    const file = join(folder, "cloud-init/files/etc/blob");
    const loop = join(folder, "cloud-init/fragments/loop.yaml");
    for (const path of [file, loop]) {
      await mkdir(dirname(path), { recursive: true });
    }
    await writeFile(file, new Uint8Array([0xff, 0xfe, 0x00]));
    await symlink(loop, loop);
    const { problems } = await loadLibrary(folder);
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ["FILE_UNREADABLE", expect.stringContaining(`${loop} cannot be used`)],
      ["FILE_NOT_UTF8", `${file} cannot be used: it is not text in UTF-8`],
    ]);
  });

  it("reports conflicts between fragments and files written twice", async () => {
    const { all, labels, seed } = await load({
      "profiles/worker.yaml": profile("my/a.yaml", "my/b.yaml"),
      "cloud-init/fragments/my/a.yaml":
        "#cloud-config\ntimezone: Etc/UTC\nwrite_files:\n  - path: /etc/x\n    content: a\n  - path: /etc/y\n    content: a\n",
      "cloud-init/fragments/my/b.yaml":
        "#cloud-config\ntimezone: ${node.timezone}\nwrite_files:\n  - path: /etc/y\n    content: b\n    append: true\n  - path: /etc/x\n    content: b\n",
    });
    expect(seed).toBeUndefined();
    expect(all).toEqual([
      "cloud-init/fragments/my/b.yaml:2:11 FRAGMENT_CONFLICT timezone is set to two different values",
      "cloud-init/fragments/my/b.yaml:7:11 SEED_FILE_TWICE /etc/x is written twice",
    ]);
    expect(labels).toEqual([
      "also set in cloud-init/fragments/my/a.yaml, line 2",
      "also written in cloud-init/fragments/my/a.yaml, line 4",
    ]);
  });
});

describe("files of the project that nothing can use", () => {
  const FRAGMENT = "#cloud-config\n{}\n";

  it("are told, with what would use them", async () => {
    const { unused } = await load({
      "profiles/workers.yaml": "description: x.\nfragments: []\n",
      "profiles/worker.yaml":
        "description: It works.\nfragments:\n  - own/named.yaml\n  - host/system-${node.system}.yaml\n",
      "cloud-init/network/uplink-eth0.yaml": "network: {version: 2}\n",
      "cloud-init/network/gateway.yaml": "network: {version: 2}\n",
      "cloud-init/fragments/own/named.yaml": FRAGMENT,
      "cloud-init/fragments/own/asked.yaml": FRAGMENT,
      "cloud-init/fragments/own/forgotten.yaml": FRAGMENT,
      "cloud-init/fragments/host/system-other.yaml": FRAGMENT,
    });
    const host = resolveHost({ fragments: ["own/asked.yaml"] }, {});
    expect(unused([{ host }]).map(({ message }) => message)).toEqual([
      "nothing uses profiles/workers.yaml: there is no role of this name",
      "nothing uses cloud-init/network/uplink-eth0.yaml: pi-image has no network document of this name that it could replace",
      "nothing uses cloud-init/fragments/own/forgotten.yaml: no profile and no `fragments` of the inventory names it",
    ]);
    expect(unused([]).map(({ hint }) => hint)).toContain(
      "write fragments: [own/asked.yaml] under defaults or at a node, or remove the file",
    );
  });
});

describe("a network document of the project", () => {
  it("must have the node's uplink", async () => {
    const { seed, all, hints } = await load({
      "cloud-init/network/uplink-eth0-dhcp.yaml":
        "network:\n  version: 2\n  ethernets:\n    enp1s0:\n      dhcp4: true\n",
    });
    expect(seed).toBeUndefined();
    expect(all).toEqual([
      "cloud-init/network/uplink-eth0-dhcp.yaml:1:1 NETWORK_UPLINK_MISSING the network of worker1 has no ethernets.eth0, so the node would have no network",
    ]);
    expect(hints).toEqual([
      "add eth0 below network.ethernets in your own cloud-init/network/uplink-eth0-dhcp.yaml, as pi-image's has it",
    ]);
  });
});
