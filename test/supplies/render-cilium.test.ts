// Cilium comes as a chart, which helm renders for the cluster.
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gatherSupplies } from "../../src/supplies/gather-supplies.ts";
import { outcomeOf, testOptions } from "../base/base-options.ts";
import { temporaryFolder } from "../support/folder.ts";
import { CHART, renderedChart } from "./manifests.ts";
import { requestFor, serveAll } from "./mirrored-supplies.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("cilium's chart", () => {
  /** A folder that is all of PATH; with a helm that keeps its arguments and prints this. */
  const pathWithHelm = async (manifest: string | undefined) => {
    const folder = await temporaryFolder();
    // The cache is locked by the real one.
    await symlink("/usr/bin/flock", join(folder, "flock"));
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

  const gather = async (ranges: { readonly podSubnet?: string } = {}) =>
    gatherSupplies(
      requestFor((await serveAll()).address, { cni: "cilium", ...ranges }),
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

  it("is rendered for the cluster's families", async () => {
    const folder = await pathWithHelm(
      renderedChart("kubernetes", {
        "enable-ipv6": "true",
        "underlay-protocol": "ipv6",
      }),
    );
    const values = async (podSubnet: string) => {
      await gather({ podSubnet });
      const said = await readFile(join(folder, "said/arguments"), "utf8");
      return said.match(/(?<=^--set=).*(ipv|IPv).*$/gm);
    };
    expect(await values("10.7.0.0/16")).toEqual([
      "k8s.requireIPv4PodCIDR=true",
    ]);
    expect(await values("10.7.0.0/16,fd00:7::/56")).toEqual([
      "k8s.requireIPv4PodCIDR=true",
      "k8s.requireIPv6PodCIDR=true",
      "ipv6.enabled=true",
    ]);
    expect(await values("fd00:7::/56")).toEqual([
      "k8s.requireIPv6PodCIDR=true",
      "ipv6.enabled=true",
      "ipv4.enabled=false",
      "underlayProtocol=ipv6",
    ]);
  });

  it("is refused where it does not become IPv6", async () => {
    await pathWithHelm(renderedChart("kubernetes", { "enable-ipv6": "true" }));
    expect(await outcomeOf(gather({ podSubnet: "fd00:7::/56" }))).toContain(
      "underlay-protocol in its configuration is missing",
    );
    await pathWithHelm(renderedChart("kubernetes"));
    expect(
      await outcomeOf(gather({ podSubnet: "10.7.0.0/16,fd00:7::/56" })),
    ).toContain("enable-ipv6 in its configuration is missing");
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
