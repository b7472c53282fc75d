// What cards get from the network, through mirrors on this computer.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  gatherSupplies,
  type SuppliesRequest,
} from "../../src/addons/gather-supplies.ts";
import { mergeLock } from "../../src/addons/lock.ts";
import { renderSeeds } from "../../src/build/render-seeds.ts";
import type { Cni, ResolvedProject } from "../../src/inventory/resolved.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { deadAddress, startServer } from "../base/http-server.ts";
import { fixedSecrets, seedInput } from "../seed/sample-project.ts";
import {
  controlPlane,
  sampleNode,
  sampleProject,
  storageNode,
} from "../seed/sample-project.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeWithTools } from "../support/tools.ts";
import {
  ADDON,
  CALICO,
  CHART,
  DRIVER,
  FLANNEL,
  FLANNEL_URL,
  pinsWith,
  renderedChart,
  sha256,
} from "./manifests.ts";
import { openKeyMaker } from "./package-keys.ts";

const ADDON_URL = "https://example.org/metrics/components.yaml";

type Wishes = {
  readonly cni?: Cni;
  readonly addons?: readonly string[];
};

/** A project whose mirrors are all at one address. */
const mirroredProject = (
  address: string,
  { cni = "flannel", addons = [] }: Wishes = {},
): ResolvedProject => {
  const mirror = address.replace(/\/$/, "");
  return {
    ...sampleProject,
    cluster: {
      ...sampleProject.cluster,
      podSubnet: "10.7.0.0/16",
      cni,
      addons,
      mirrors: {
        ...sampleProject.cluster.mirrors,
        kubernetesPackages: mirror,
        manifests: mirror,
      },
    },
  };
};

const requestFor = (
  address: string,
  wishes: Wishes = {},
  more: Partial<SuppliesRequest> = {},
): SuppliesRequest => ({
  project: mirroredProject(address, wishes),
  nodes: sampleProject.nodes,
  fileAddons: [],
  packages: `${address}deb/`,
  pins: pinsWith(),
  lock: undefined,
  lockFile: "some/cluster.lock.json",
  whenMissing: "refuse",
  now: new Date("2026-11-20T00:00:00Z"),
  ...more,
});

const serveAll = async () => {
  const server = await startServer();
  for (const [path, text] of [
    ["flannel/v1/kube-flannel.yml", FLANNEL],
    ["calico/v2/calico.yaml", CALICO],
    ["cilium-3.0.0.tgz", CHART],
    ["metrics/components.yaml", ADDON],
    ["csi-driver-nfs/v4/csi-nfs-driverinfo.yaml", DRIVER],
  ] as const) {
    server.files.set(path, Buffer.from(text));
  }
  return server;
};

const withoutKey = (requests: readonly string[]) =>
  requests.filter((path) => path !== "deb/Release.key");

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the network plug-in's manifest", () => {
  it("comes from the mirror, filled, and never twice", async () => {
    const server = await serveAll();
    const options = testOptions();
    const request = requestFor(server.address);
    const { manifests, locked } = await gatherSupplies(request, options);
    expect(manifests.map(({ name }) => name)).toEqual(["10-cni-flannel.yaml"]);
    expect(manifests[0]?.text).toContain('"Network": "10.7.0.0/16"');
    expect(manifests[0]?.text).toContain("- --iface=eth0");
    expect(locked.manifests).toEqual([
      {
        name: "flannel",
        version: "v1",
        url: FLANNEL_URL,
        sha256: sha256(FLANNEL),
      },
    ]);
    expect((await gatherSupplies(request, options)).manifests).toEqual(
      manifests,
    );
    expect(withoutKey(server.requests)).toEqual([
      "flannel/v1/kube-flannel.yml",
    ]);
  });

  it("is the chosen one", async () => {
    const server = await serveAll();
    const { manifests } = await gatherSupplies(
      requestFor(server.address, { cni: "calico" }),
      testOptions(),
    );
    expect(manifests.map(({ name }) => name)).toEqual(["10-cni-calico.yaml"]);
    expect(manifests[0]?.text).toContain("10.7.0.0/16");
  });

  it("is refused when it is not the pinned one, and not kept", async () => {
    const server = await serveAll();
    const options = testOptions();
    const request = requestFor(server.address);
    server.files.set(
      "flannel/v1/kube-flannel.yml",
      Buffer.from(`${FLANNEL}# more\n`),
    );
    const refused = `CHECKSUM_MISMATCH 4: what ${server.address}flannel/v1/kube-flannel.yml has is not the flannel v1 that this version of pi-image records`;
    expect(await outcomeOf(gatherSupplies(request, options))).toBe(refused);
    // For trying out as well: no network is one thing, a wrong one another.
    expect(
      await outcomeOf(
        gatherSupplies({ ...request, whenMissing: "warn" }, options),
      ),
    ).toBe(refused);
    const left = await gatherSupplies(
      { ...request, whenMissing: "ignore" },
      options,
    );
    expect(left.manifests).toEqual([]);
  });

  it("is for the first control plane alone", async () => {
    const server = await serveAll();
    const { manifests } = await gatherSupplies(
      requestFor(
        server.address,
        { addons: [`url:${ADDON_URL}`] },
        {
          nodes: [sampleNode],
        },
      ),
      testOptions(),
    );
    expect(manifests).toEqual([]);
    expect(server.requests).toEqual(["deb/Release.key"]);
  });
});

describe("a storage node's driver", () => {
  const withStorage = (address: string): SuppliesRequest => {
    const request = requestFor(address);
    return {
      ...request,
      project: {
        ...request.project,
        nodes: [...request.project.nodes, storageNode],
      },
    };
  };

  it("comes with a StorageClass for its export, and leaves groups alone", async () => {
    const server = await serveAll();
    const { manifests, locked } = await gatherSupplies(
      withStorage(server.address),
      testOptions(),
    );
    expect(manifests.map(({ name }) => name)).toEqual([
      "10-cni-flannel.yaml",
      "15-storage-1-csi-nfs-driverinfo.yaml",
      "16-storage-class.yaml",
    ]);
    expect(manifests[1]?.text).toContain("fsGroupPolicy: None");
    expect(manifests[1]?.text).toContain("attachRequired: false # stays");
    expect(parse(manifests[2]?.text ?? "")).toMatchObject({
      kind: "StorageClass",
      provisioner: "nfs.csi.k8s.io",
      parameters: { server: "192.168.1.60", share: "/srv/nfs/volumes" },
      reclaimPolicy: "Retain",
    });
    expect(locked.manifests.map(({ version }) => version)).toEqual([
      "v1",
      "v4",
    ]);
  });

  it("is refused when it is not the pinned one", async () => {
    const server = await serveAll();
    server.files.set(
      "csi-driver-nfs/v4/csi-nfs-driverinfo.yaml",
      Buffer.from(DRIVER.replace("File", "Fil3")),
    );
    const outcome = await outcomeOf(
      gatherSupplies(withStorage(server.address), testOptions()),
    );
    expect(outcome).toMatch(/^CHECKSUM_MISMATCH 4: /);
  });
});

describe("without a network", () => {
  it("is an error, where a card has to boot", async () => {
    const address = await deadAddress();
    const host = new URL(address).host;
    expect(
      await outcomeOf(gatherSupplies(requestFor(address), testOptions())),
    ).toBe(
      `MANIFEST_UNREACHABLE 1: flannel v1 is not in the cache, and ${host} cannot be reached (ECONNREFUSED)`,
    );
  });

  it("is an error of another kind, where the mirror lacks the file", async () => {
    const server = await startServer();
    expect(
      await outcomeOf(
        gatherSupplies(requestFor(server.address), testOptions()),
      ),
    ).toBe(
      `DOWNLOAD_FAILED 1: flannel v1 cannot be downloaded: ${server.address}flannel/v1/kube-flannel.yml does not exist (status 404)`,
    );
  });

  it("goes on with what is in the cache", async () => {
    const server = await serveAll();
    const options = testOptions();
    const request = requestFor(server.address, {
      addons: [`url:${ADDON_URL}`],
    });
    const first = await gatherSupplies(request, options);
    const lock = mergeLock(
      undefined,
      {
        ...first.locked,
        kubernetes: sampleProject.cluster.kubernetes,
        bases: [],
      },
      new Set(),
    );
    await server.close();
    const again = await gatherSupplies({ ...request, lock }, options);
    expect(again).toEqual(first);
    expect(again.manifests).toHaveLength(2);
    expect(options.events.at(-1)).toEqual({
      type: "notice",
      message: expect.stringContaining(
        "the node fetches it at its first boot and checks its fingerprint",
      ) as string,
    });
  });

  it("warns loudly, where the image is for trying out", async () => {
    const options = testOptions();
    const supplies = await gatherSupplies(
      requestFor(
        await deadAddress(),
        { addons: [`url:${ADDON_URL}`] },
        { whenMissing: "warn" },
      ),
      options,
    );
    expect(supplies).toEqual({
      kubernetesKey: undefined,
      manifests: [],
      locked: { manifests: [], keys: [] },
    });
    const warnings = options.events.flatMap((event) =>
      event.type === "warning" ? event.message : [],
    );
    expect(warnings).toEqual([
      expect.stringMatching(
        /^no network: the image carries no manifest of flannel v1, so the cluster waits for you to apply one/,
      ),
      expect.stringMatching(
        /^no network: the image carries no manifest of the add-on https:/,
      ),
      expect.stringMatching(/^no network: the key of the Kubernetes packages/),
    ]);
  });

  it("asks nobody and says nothing, where only the cache is looked at", async () => {
    const server = await serveAll();
    const options = testOptions();
    await gatherSupplies(
      requestFor(
        server.address,
        { addons: [`url:${ADDON_URL}`] },
        { whenMissing: "ignore" },
      ),
      options,
    );
    expect(server.requests).toEqual([]);
    expect(options.events).toEqual([]);
  });
});

describe("add-ons", () => {
  it("stand behind the plug-in in the inventory's order", async () => {
    const server = await serveAll();
    const { manifests, locked } = await gatherSupplies(
      requestFor(
        server.address,
        { addons: ["file:/home/ana/my app.yml", `url:${ADDON_URL}`] },
        { fileAddons: [{ name: "20-addon-01-my-app.yaml", text: ADDON }] },
      ),
      testOptions(),
    );
    expect(manifests.map(({ name }) => name)).toEqual([
      "10-cni-flannel.yaml",
      "20-addon-01-my-app.yaml",
      "20-addon-02-components.yaml",
    ]);
    expect(manifests[2]?.text).toBe(ADDON);
    expect(locked.manifests.at(-1)).toEqual({
      name: "components.yaml",
      version: null,
      url: ADDON_URL,
      sha256: sha256(ADDON),
    });
  });

  it("by address stay what they were at first", async () => {
    const server = await serveAll();
    const wishes = { addons: [`url:${ADDON_URL}`] };
    const options = testOptions();
    const request = requestFor(server.address, wishes);
    const first = await gatherSupplies(request, options);
    const lock = mergeLock(
      undefined,
      {
        ...first.locked,
        kubernetes: sampleProject.cluster.kubernetes,
        bases: [],
      },
      new Set(),
    );
    server.files.set("metrics/components.yaml", Buffer.from(`${ADDON}# new\n`));
    const locked = { ...request, lock };
    expect((await gatherSupplies(locked, options)).manifests).toEqual(
      first.manifests,
    );
    // Another computer, with the same lockfile and nothing in the cache.
    expect(await outcomeOf(gatherSupplies(locked, testOptions()))).toBe(
      `CHECKSUM_MISMATCH 4: what ${server.address}metrics/components.yaml has is not the add-on that cluster.lock.json records`,
    );
    const accepted = await gatherSupplies(request, options);
    expect(accepted.manifests[1]?.text).toBe(`${ADDON}# new\n`);
  });

  it.each([
    ["is not YAML: ", "a: [1\nb: 2\n"],
    [
      "has a document without kind, so it is no object of Kubernetes (line 4)",
      "apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\n",
    ],
    [
      "has a document without apiVersion, so it is no object of Kubernetes (line 1)",
      "just words\n",
    ],
    ["holds no object (line 1)", "# nothing\n---\n"],
    ["is not text in UTF-8", "\u00ff"],
  ])("by address are refused: %s", async (why, text) => {
    const server = await serveAll();
    server.files.set("metrics/components.yaml", Buffer.from(text, "latin1"));
    const outcome = await outcomeOf(
      gatherSupplies(
        requestFor(server.address, { addons: [`url:${ADDON_URL}`] }),
        testOptions(),
      ),
    );
    expect(outcome).toContain(
      `MANIFEST_WRONG 2: the add-on ${ADDON_URL} ${why}`,
    );
  });
});

describe("cilium's chart", () => {
  /** A folder that is all of PATH; with a helm that keeps its arguments and prints this. */
  const pathWithHelm = async (manifest: string | undefined) => {
    const folder = await temporaryFolder();
    vi.stubEnv("PATH", folder);
    if (manifest !== undefined) {
      await mkdir(join(folder, "said"));
      await writeFile(join(folder, "said/manifest"), manifest);
      await writeFile(
        join(folder, "helm"),
        `#!/bin/sh\nprintf '%s\\n' "$@" >${folder}/said/arguments\nexec /bin/cat ${folder}/said/manifest\n`,
      );
      await chmod(join(folder, "helm"), 0o755);
    }
    return folder;
  };

  const gather = async () =>
    gatherSupplies(
      requestFor((await serveAll()).address, { cni: "cilium" }),
      testOptions(),
    );

  it("is rendered for the cluster's version and its pod subnet", async () => {
    const folder = await pathWithHelm(renderedChart("kubernetes"));
    const { manifests } = await gather();
    expect(manifests).toEqual([
      { name: "10-cni-cilium.yaml", text: expect.any(String) as string },
    ]);
    expect(manifests[0]?.text).toContain('ipam: "kubernetes"');
    const said = (await readFile(join(folder, "said/arguments"), "utf8"))
      .trim()
      .split("\n");
    expect(said.slice(0, 2)).toEqual(["template", "cilium"]);
    expect(await readFile(said[2] ?? "", "utf8")).toBe(CHART);
    expect(said).toContain("--kube-version=v1.36.5");
    expect(said).toContain("--set=ipam.mode=kubernetes");
    expect(said).toContain("--set=hubble.enabled=false");
  });

  it("is refused where its values have other names", async () => {
    await pathWithHelm(renderedChart("cluster-pool"));
    expect(await outcomeOf(gather())).toContain(
      "MANIFEST_WRONG 2: the manifest of cilium 3.0.0 has no place for the cluster's settings: ipam: kubernetes",
    );
  });

  it("needs helm", async () => {
    await pathWithHelm(undefined);
    expect(await outcomeOf(gather())).toBe(
      "TOOL_MISSING 1: helm is not installed, and Cilium comes as a chart that only helm can render",
    );
  });
});

describeWithTools(["gpg", "gpgconf"], "the key of the packages", () => {
  const withKey = async (more: Partial<SuppliesRequest> = {}) => {
    const keys = await openKeyMaker();
    const key = await keys.make("packages", "20301231T000000");
    const server = await serveAll();
    server.files.set("deb/Release.key", Buffer.from(key.text));
    return {
      key,
      request: requestFor(
        server.address,
        {},
        { pins: pinsWith(key.fingerprint), ...more },
      ),
    };
  };

  it("is recorded, and a change of the pin is told", async () => {
    const { key, request } = await withKey();
    const options = testOptions();
    const { kubernetesKey, locked } = await gatherSupplies(request, options);
    expect(kubernetesKey).toBe(key.text);
    expect(locked.keys).toEqual([
      {
        name: "kubernetes",
        fingerprint: key.fingerprint,
        expires: "2030-12-31T00:00:00.000Z",
      },
    ]);
    const lock = mergeLock(
      undefined,
      {
        ...locked,
        keys: [
          { name: "kubernetes", fingerprint: "A".repeat(40), expires: null },
        ],
        kubernetes: sampleProject.cluster.kubernetes,
        bases: [],
      },
      new Set(),
    );
    await gatherSupplies({ ...request, lock }, options);
    expect(options.told()).toEqual([
      `the Kubernetes packages have another key than at the last build: ${key.fingerprint} instead of ${"A".repeat(40)}`,
    ]);
  });

  it("is another one where the inventory names it", async () => {
    const { key, request } = await withKey({ pins: pinsWith("B".repeat(40)) });
    const options = testOptions();
    expect(await outcomeOf(gatherSupplies(request, options))).toContain(
      "KEY_WRONG 4",
    );
    const { project } = request;
    const { cluster } = project;
    const mirrors = { ...cluster.mirrors, kubernetesKey: key.fingerprint };
    const { kubernetesKey } = await gatherSupplies(
      { ...request, project: { ...project, cluster: { ...cluster, mirrors } } },
      options,
    );
    expect(kubernetesKey).toBe(key.text);
  });

  it("makes no difference between a node built alone and with others", async () => {
    const { request } = await withKey();
    const { project } = request;
    const idsOf = async (nodes: SuppliesRequest["nodes"]) => {
      const { kubernetesKey, manifests } = await gatherSupplies(
        { ...request, nodes },
        testOptions(),
      );
      const { library, buildTime, version } = await seedInput(
        project,
        controlPlane,
      );
      const { seeds } = renderSeeds({
        project,
        nodes,
        secrets: fixedSecrets(),
        library,
        buildTime,
        version,
        kubernetesKey,
        manifests,
      });
      return seeds.map(({ seed }) => seed.instanceId);
    };
    const together = await idsOf(project.nodes.slice(0, 2));
    expect(together).toHaveLength(2);
    expect([
      ...(await idsOf(project.nodes.slice(0, 1))),
      ...(await idsOf(project.nodes.slice(1, 2))),
    ]).toEqual(together);
  });
});
