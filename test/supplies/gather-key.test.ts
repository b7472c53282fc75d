// The key of the Kubernetes packages: recorded, another one by the inventory, and the same for every node.
import { expect, it } from "vitest";
import {
  gatherSupplies,
  type SuppliesRequest,
} from "../../src/supplies/gather-supplies.ts";
import { fillSeeds, supplySeeds } from "../../src/project/render-seeds.ts";
import { readKey } from "../../src/base/proof/read-key.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import {
  controlPlane,
  fixedSecrets,
  seedInput,
} from "../seed/sample-project.ts";
import { describeWithTools } from "../support/tools.ts";
import { pinsWith } from "./manifests.ts";
import { openKeyMaker } from "./package-keys.ts";
import { requestFor, serveAll, lockOf } from "./mirrored-supplies.ts";

describeWithTools(["gpg", "gpgconf"], "the key of the packages", () => {
  const withKey = async (more: Partial<SuppliesRequest> = {}) => {
    const keys = await openKeyMaker();
    const key = await keys.make("packages", "20301231T000000");
    const server = await serveAll();
    server.files.set("deb/Release.key", Buffer.from(key.text));
    const { text } = await readKey(key.text, key.fingerprint);
    return {
      key: { ...key, text },
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
    const lock = lockOf({
      ...locked,
      keys: [
        { name: "kubernetes", fingerprint: "A".repeat(40), expires: null },
      ],
    });
    await gatherSupplies({ ...request, lock }, options);
    expect(options.told()).toEqual([
      `the Kubernetes packages are signed with a different key than at the last build: ${key.fingerprint} instead of ${"A".repeat(40)}`,
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
      const { filled } = fillSeeds({
        project,
        nodes,
        secrets: fixedSecrets(),
        library,
        buildTime,
        version,
        manifests: [],
      });
      const { seeds } = supplySeeds(
        filled,
        { kubernetesKey, manifests },
        new Map(),
      );
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
