// The manifests that cards get from the network, through mirrors on this computer, and what happens without one.
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import {
  gatherSupplies,
  type SuppliesRequest,
} from "../../src/supplies/gather-supplies.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { deadAddress, startServer } from "../base/http-server.ts";
import { sampleNode, storageNode } from "../seed/sample-project.ts";
import {
  ADDON_URL,
  DRIVER,
  FLANNEL,
  FLANNEL_URL,
  sha256,
} from "./manifests.ts";
import { requestFor, serveAll, lockOf } from "./mirrored-supplies.ts";

const withoutKey = (requests: readonly string[]) =>
  requests.filter((path) => path !== "deb/Release.key");

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
    const lock = lockOf(first.locked);
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
