// Names of container images: skopeo and containerd must understand the same by them.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  type ImageName,
  parseImageName,
} from "../../../src/bundle/oci/parse-image-name.ts";
import { describeWithTools } from "../../support/tools.ts";

const HEX = "0123456789abcdef".repeat(4);

const parsed = (text: string): ImageName => {
  const name = parseImageName(text);
  if ("why" in name) {
    throw new Error(`${text} ${name.why}`);
  }
  return name;
};

const NAMES: readonly (readonly [text: string, full: string])[] = [
  ["busybox", "docker.io/library/busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36"],
  ["rancher/local:v1_2.3-a", "docker.io/rancher/local:v1_2.3-a"],
  ["docker.io/busybox", "docker.io/library/busybox:latest"],
  ["index.docker.io/a/b:1", "docker.io/a/b:1"],
  ["registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2"],
  ["registry.k8s.io/coredns/coredns:v1", "registry.k8s.io/coredns/coredns:v1"],
  ["localhost/a", "localhost/a:latest"],
  ["localhost:5000/a:V1", "localhost:5000/a:V1"],
  ["home.arpa:5000/k8s/a__b--c.d:1", "home.arpa:5000/k8s/a__b--c.d:1"],
  [`quay.io/a/b@sha256:${HEX}`, `quay.io/a/b@sha256:${HEX}`],
  [`busybox:1.36@sha256:${HEX}`, `docker.io/library/busybox@sha256:${HEX}`],
];

const REFUSED: readonly (readonly [text: string, why: string])[] = [
  ["", "is not the name of a container image"],
  [" busybox", "is not the name of a container image"],
  ["a//b", "is not the name of a container image"],
  ["a/b/", "is not the name of a container image"],
  ["/a", "is not the name of a container image"],
  ["a..b/c", "is not the name of a container image"],
  ["a___b", "is not the name of a container image"],
  ["-a", "is not the name of a container image"],
  ["../a", "is not the name of a container image"],
  ["a.example/..", "is not the name of a container image"],
  ["a.example:99999/b", "is not the name of a container image"],
  ["a.example:b/c", "is not the name of a container image"],
  ["{{ .Values.image }}", "has capital letters before its tag"],
  ["x".repeat(248), "is not the name of a container image"],
  ["Busybox", "has capital letters before its tag"],
  ["ghcr.io/Owner/app:1", "has capital letters before its tag"],
  ["https://ghcr.io/a/b:1", "begins with a scheme"],
  ["docker://busybox", "begins with a scheme"],
  [HEX, "is an image's id"],
  ["busybox:", "has a tag that cannot be one"],
  ["busybox:-1", "has a tag that cannot be one"],
  ["busybox:a:b", "has a tag that cannot be one"],
  [`busybox:${"x".repeat(129)}`, "has a tag that cannot be one"],
  ["busybox@", "has a digest that is not a SHA-256"],
  ["busybox@sha256:abc", "has a digest that is not a SHA-256"],
  [`busybox@sha512:${HEX}${HEX}`, "has a digest that is not a SHA-256"],
  [`busybox@sha256:${HEX}@x`, "has a digest that is not a SHA-256"],
];

/** The grammar allows these; no registry is there, or pi-image could not compare the digest. */
const STRICTER = ["a.example:99999/b", `busybox@sha512:${HEX}${HEX}`];

describe("the name of an image", () => {
  it.each(NAMES)("%s is %s in full", (text, full) => {
    expect(parsed(text).full).toBe(full);
    expect(parsed(full).full).toBe(full);
  });

  it("is taken apart", () => {
    expect(parsed("home.arpa:5000/k8s/pause")).toEqual({
      registry: "home.arpa:5000",
      repository: "k8s/pause",
      reference: "latest",
      full: "home.arpa:5000/k8s/pause:latest",
    });
    expect(parsed(`busybox:1@sha256:${HEX}`).reference).toBe(`sha256:${HEX}`);
  });

  it.each(REFUSED)("is refused: %j %s", (text, why) => {
    expect(parseImageName(text)).toMatchObject({
      why: expect.stringContaining(why) as string,
    });
  });
});

describeWithTools(["skopeo"], "skopeo", () => {
  /** The host that it would ask; undefined for a name that it refuses. */
  const askedBySkopeo = (text: string): string | undefined => {
    const { stderr } = spawnSync(
      "skopeo",
      ["inspect", "--no-tags", `docker://${text}`],
      {
        encoding: "utf8",
        env: {
          PATH: process.env["PATH"],
          HOME: "/nonexistent",
          https_proxy: "127.0.0.1:1",
        },
      },
    );
    return /pinging container registry ([^:\s]*(?::\d+)?): /.exec(stderr)?.[1];
  };

  // It refuses names with both a tag and a digest.
  it.each(NAMES.filter(([text]) => !/:.*@/.test(text)))(
    "asks the same registry for %s",
    (text) => {
      const { registry } = parsed(text);
      expect(askedBySkopeo(text)).toBe(
        registry === "docker.io" ? "registry-1.docker.io" : registry,
      );
    },
  );

  it.each(REFUSED.filter(([text]) => !STRICTER.includes(text)))(
    "refuses %j as well",
    (text) => {
      expect(askedBySkopeo(text)).toBeUndefined();
    },
  );
});
