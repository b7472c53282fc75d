// Add-ons come behind the plug-in, stay what they were at first, and have to be objects of Kubernetes.
import { describe, expect, it } from "vitest";
import { gatherSupplies } from "../../src/supplies/gather-supplies.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { ADDON, ADDON_URL, sha256 } from "./manifests.ts";
import { requestFor, serveAll, lockOf } from "./mirrored-supplies.ts";

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
    const lock = lockOf(first.locked);
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
      "has a document without kind, so it is not a Kubernetes object (line 4)",
      "apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\n",
    ],
    [
      "has a document without apiVersion, so it is not a Kubernetes object (line 1)",
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
