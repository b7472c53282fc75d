// The whole first boot of nodes that have a bundle and nothing else: no router, no DNS, no time server.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  controlPlane,
  sampleNode,
  sampleProject,
} from "../../seed/sample-project.ts";
import { describeWithTools } from "../../support/tools.ts";
import {
  calls,
  isDone,
  type Phase,
  powerOn,
  restart,
  screen,
} from "../fake-node.ts";
import { layWithBundle } from "./bundle-node.ts";
import { DEBS } from "./debs.ts";
import { makeBundle } from "./make-bundle.ts";

const IMAGES = [
  "registry.k8s.io/kube-proxy:v1.36.5",
  "registry.k8s.io/pause:3.10.2",
];

const ALL: readonly Phase[] = [
  "10-clock",
  "11-host",
  "20-network",
  "30-packages",
  "40-runtime",
  "45-images",
  "50-kubeadm",
  "55-scrub",
  "60-cni",
];

const project = {
  ...sampleProject,
  cluster: { ...sampleProject.cluster, offline: true, bundle: true },
};

const bundle = await makeBundle({
  images: IMAGES,
  debs: DEBS.map((deb) =>
    deb.name === "kubeadm"
      ? {
          ...deb,
          programs: {
            "bin/kubeadm": `#!/bin/sh
case "$*" in
  "config images list "*) cat "$PI_IMAGE_ROOT/world/images" ;;
  *) exec "$FAKES/installable/kubeadm" "$@" ;;
esac
`,
          },
        }
      : deb,
  ),
});

/** Keeps what it was given and pinned in files. */
const CTR = `case "$*" in
  *"images import -") plan ctr-import; cat >/dev/null; cp "$world/bundled" "$world/runtime-images" ;;
  *"images list") cat "$world/runtime-images" 2>/dev/null || true ;;
  *" label "*) echo "$5" >>"$world/pinned" ;;
esac
`;

const layOffline = (node: typeof sampleNode, plans = {}) =>
  layWithBundle(
    bundle,
    ALL,
    {
      project,
      node,
      plans,
      key: false,
      world: {
        bundled: bundle.images
          .map(({ reference, digest }) => `${reference} type ${digest} 1 MiB`)
          .join("\n"),
        clock: "1000000000",
        images: IMAGES.join("\n"),
        route: "",
        synchronised: "no",
      },
    },
    { ctr: CTR },
  );

describeWithTools(
  ["apt-get", "dpkg-deb", "flock", "openssl"],
  "a node without the internet",
  () => {
    it.each([
      ["the first control plane", controlPlane],
      ["a worker", sampleNode],
    ])("becomes %s, and asks nobody outside", async (_role, node) => {
      const root = await layOffline(node);
      expect(await powerOn(root)).toMatchObject({ code: 0 });
      expect(isDone(root)).toBe(true);
      expect(calls(root, "curl")).toEqual([]);
      expect(readFileSync(join(root, "world/pinned"), "utf8")).toBe(
        `${IMAGES.join("\n")}\n`,
      );
      // Every call of apt that could ask somebody names the bundle in place of the archives.
      for (const call of calls(root, "apt-get")) {
        expect(call).toMatch(
          /clean$|Dir::Etc::sourcelist=\S+\/packages\/sources\.list .*Dir::Etc::sourceparts=\/dev\/null/,
        );
      }
      expect(screen(root).filter((line) => / not |fail/i.test(line))).toEqual(
        node === controlPlane
          ? []
          : [
              "network: The network has not given the time yet; asking its time servers (NTP, UDP port 123).",
            ],
      );
      expect(existsSync(join(root, "var/lib/pi-image/packages"))).toBe(false);
    });

    it("goes on wherever the power was cut", async () => {
      const root = await layOffline(sampleNode, {
        "apt-install": ["cut", "cut-after", "ok"],
        "ctr-import": ["cut", "cut-after"],
        "kubeadm-join": ["cut-after"],
      });
      let cuts = 0;
      while ((await powerOn(root)).code === null && cuts < 9) {
        cuts += 1;
        restart(root);
        writeFileSync(join(root, "world/clock"), "1000000000\n");
      }
      expect(cuts).toBe(5);
      expect(isDone(root)).toBe(true);
    });
  },
);
