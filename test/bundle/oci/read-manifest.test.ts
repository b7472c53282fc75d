// What registries say of images: both families of formats are read, and everything that a node could not start is refused.
import { describe, expect, it } from "vitest";
import {
  checkConfig,
  manifestForArm,
} from "../../../src/bundle/oci/arm-platform.ts";
import {
  type ContainerManifest,
  readManifestOrIndex,
} from "../../../src/bundle/oci/read-manifest.ts";
import { registryServers } from "../../../src/bundle/oci/registry-servers.ts";
import {
  type ImageName,
  parseImageName,
} from "../../../src/bundle/oci/parse-image-name.ts";
import { parseChallenges } from "../../../src/bundle/oci/registry-token.ts";
import { outcomeOf } from "../../base/base-options.ts";

const NAME = "ghcr.io/team/app:1";
const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const digest = (hex: string) => `sha256:${hex.repeat(64)}`;

const blob = (mediaType: string, size: number, hex: string) => ({
  mediaType,
  size,
  digest: digest(hex),
});
const config = blob(`${OCI}.config.v1+json`, 100, "c");
const layer = blob(`${OCI}.layer.v1.tar+gzip`, 1000, "a");
const manifest = { schemaVersion: 2, config, layers: [layer] };
const entry = (platform: string | undefined, hex: string) => {
  const [os, architecture, variant] = platform?.split("/") ?? [];
  return {
    ...blob(`${OCI}.manifest.v1+json`, 500, hex),
    ...(platform !== undefined && { platform: { os, architecture, variant } }),
  };
};
const index = (...entries: readonly unknown[]) => ({
  schemaVersion: 2,
  manifests: entries,
});

const read = (document: unknown) =>
  readManifestOrIndex(Buffer.from(JSON.stringify(document)), NAME);

/** "CODE exit: message" of what this throws. */
const refusal = (action: () => unknown): Promise<string> =>
  outcomeOf(Promise.resolve().then(action));

describe("a manifest", () => {
  it.each([
    [undefined, config.mediaType, layer.mediaType],
    [`${OCI}.manifest.v1+json`, config.mediaType, `${OCI}.layer.v1.tar`],
    [`${OCI}.manifest.v1+json`, config.mediaType, `${OCI}.layer.v1.tar+zstd`],
    [
      `${DOCKER}.distribution.manifest.v2+json`,
      `${DOCKER}.container.image.v1+json`,
      `${DOCKER}.image.rootfs.diff.tar.gzip`,
    ],
  ])("of the type %s is read", (mediaType, configType, layerType) => {
    const wanted = {
      config: { ...config, mediaType: configType },
      layers: [{ ...layer, mediaType: layerType, urls: ["https://x"] }, layer],
    };
    expect(read({ schemaVersion: 2, mediaType, ...wanted })).toMatchObject({
      kind: "manifest",
      mediaType: mediaType ?? `${OCI}.manifest.v1+json`,
      config: wanted.config,
      layers: [{ digest: layer.digest, mediaType: layerType }, layer],
    });
  });

  it.each<readonly [string, unknown, string]>([
    ["no object", [], "ARCHIVE_WRONG 4: the manifest of"],
    ["nothing", {}, "is neither a manifest nor an index"],
    ["null", null, "cannot be understood"],
    [
      "of schema 1",
      { schemaVersion: 1, fsLayers: [], signatures: [] },
      `BUNDLE_INCOMPLETE 2: the image ${NAME} is in Docker's first format (schema 1)`,
    ],
    [
      "that is an index as well",
      { ...manifest, manifests: [] },
      "ARCHIVE_WRONG 4: the manifest of ghcr.io/team/app:1 is both a manifest and an index",
    ],
    [
      "that calls itself an index",
      { ...manifest, mediaType: `${OCI}.index.v1+json` },
      `calls itself ${OCI}.index.v1+json, which it is not`,
    ],
    [
      "of a chart",
      {
        ...manifest,
        config: {
          ...config,
          mediaType: "application/vnd.cncf.helm.config.v1+json",
        },
      },
      "BUNDLE_INCOMPLETE 2: the image ghcr.io/team/app:1 holds application/vnd.cncf.helm.config.v1+json",
    ],
    [
      "with a foreign layer",
      {
        ...manifest,
        layers: [
          layer,
          {
            ...layer,
            mediaType: `${DOCKER}.image.rootfs.foreign.diff.tar.gzip`,
          },
        ],
      },
      "(foreign layers)",
    ],
    [
      "with an encrypted layer",
      {
        ...manifest,
        layers: [{ ...layer, mediaType: `${OCI}.layer.v1.tar+gzip+encrypted` }],
      },
      "which containerd cannot unpack",
    ],
    [
      "with another digest",
      {
        ...manifest,
        layers: [{ ...layer, digest: `sha512:${"a".repeat(128)}` }],
      },
      "cannot be understood: layers.0.digest: is not a SHA-256",
    ],
    [
      "with a path for a digest",
      { ...manifest, config: { ...config, digest: "sha256:../../x" } },
      "cannot be understood: config.digest: is not a SHA-256",
    ],
    [
      "with a negative size",
      { ...manifest, layers: [{ ...layer, size: -1 }] },
      "cannot be understood: layers.0.size",
    ],
    [
      "with half a byte",
      { ...manifest, layers: [{ ...layer, size: 0.5 }] },
      "cannot be understood: layers.0.size",
    ],
    [
      "with a layer of 8 GiB",
      { ...manifest, layers: [{ ...layer, size: 8 * 1024 ** 3 }] },
      "cannot be understood: layers.0.size",
    ],
    [
      "of 17 GiB",
      {
        ...manifest,
        layers: Array.from({ length: 17 }, () => ({
          ...layer,
          size: 1024 ** 3,
        })),
      },
      "is larger than 16 GiB",
    ],
    [
      "of 257 layers",
      { ...manifest, layers: Array.from({ length: 257 }, () => layer) },
      "cannot be understood: layers",
    ],
    [
      "of no layer",
      { ...manifest, layers: [] },
      "cannot be understood: layers",
    ],
  ])("%s is refused", async (_, document, outcome) => {
    expect(await refusal(() => read(document))).toContain(outcome);
  });

  it("that is not JSON is refused", async () => {
    const bytes = Buffer.from("<html>");
    expect(await refusal(() => readManifestOrIndex(bytes, NAME))).toContain(
      "ARCHIVE_WRONG 4: the manifest of ghcr.io/team/app:1 cannot be understood",
    );
  });
});

describe("an index", () => {
  const chosen = (...entries: readonly unknown[]) => {
    const document = read(index(...entries));
    if (document.kind !== "index") {
      throw new Error("this should be an index");
    }
    return manifestForArm(document, NAME);
  };

  it.each(["linux/arm64", "linux/arm64/v8", "linux/arm64/8"])(
    "has the manifest for %s",
    (platform) => {
      expect(
        chosen(
          entry("unknown/unknown", "1"),
          entry("linux/amd64", "2"),
          entry("windows/arm64", "3"),
          entry("linux/arm64/v9", "4"),
          { ...entry(platform, "5"), mediaType: `${OCI}.index.v1+json` },
          entry(platform, "6"),
          entry("linux/arm64", "7"),
        ).digest,
      ).toBe(digest("6"));
    },
  );

  it.each([
    [
      [entry("linux/amd64", "1"), entry("linux/arm/v7", "2")],
      "BUNDLE_INCOMPLETE 2: the image ghcr.io/team/app:1 exists only for linux/amd64, linux/arm/v7, and Raspberry Pis are linux/arm64",
    ],
    [
      [entry(undefined, "1"), entry("unknown/unknown", "2")],
      "BUNDLE_INCOMPLETE 2: the image ghcr.io/team/app:1 does not exist for linux/arm64",
    ],
    [[], "does not exist for linux/arm64"],
    [
      [{ ...entry("linux/arm64", "1"), size: 5 * 1024 * 1024 }],
      "ARCHIVE_WRONG 4: the index of ghcr.io/team/app:1 cannot be understood: size",
    ],
    [
      [{ ...entry("linux/arm64", "1"), digest: "sha256:x" }],
      "cannot be understood: digest: is not a SHA-256",
    ],
    [
      Array.from({ length: 1025 }, () => entry("linux/arm64", "1")),
      "cannot be understood",
    ],
  ])("without one is refused", async (entries, outcome) => {
    expect(await refusal(() => chosen(...entries))).toContain(outcome);
  });
});

it.each<readonly [object, number, boolean, string]>([
  [{ architecture: "arm64", os: "linux", variant: "v8" }, 1, false, "right"],
  [{ architecture: "arm64", os: "linux" }, 1, false, "right"],
  [
    { architecture: "arm64", os: "linux" },
    2,
    true,
    `ARCHIVE_WRONG 4: the configuration of ${NAME} has 2 layers, and its manifest 1`,
  ],
  [
    { architecture: "arm64" },
    1,
    true,
    `ARCHIVE_WRONG 4: the configuration of ${NAME} cannot be understood: os`,
  ],
  [
    { architecture: "arm", os: "linux", variant: "v7" },
    1,
    false,
    `BUNDLE_INCOMPLETE 2: the image ${NAME} exists only for linux/arm/v7`,
  ],
  [
    { architecture: "amd64", os: "linux" },
    1,
    true,
    `the configuration of ${NAME} says linux/amd64, although its index says linux/arm64`,
  ],
])(
  "a configuration for %o with %i layers, its index being %s: %s",
  async (platform, layers, named, outcome) => {
    const diff_ids = Array.from({ length: layers }, () => "x");
    const bytes = Buffer.from(
      JSON.stringify({ ...platform, rootfs: { diff_ids } }),
    );
    const told: string[] = [];
    const check = () =>
      checkConfig(bytes, read(manifest) as ContainerManifest, NAME, {
        named,
        report: (event) => {
          if (event.type === "warning") {
            told.push(event.message);
          }
        },
      });
    if (/^[A-Z]/.test(outcome)) {
      expect(await refusal(check)).toContain(outcome);
    } else {
      check();
      expect(told).toEqual(outcome === "right" ? [] : [outcome]);
    }
  },
);

describe("the servers of an image", () => {
  const urls = (text: string, mirror?: readonly [string, string]) =>
    registryServers(
      parseImageName(text) as ImageName,
      mirror === undefined ? [] : [{ registry: mirror[0], mirror: mirror[1] }],
    ).map(({ urlOf }) => urlOf("manifests/1").href);

  it.each<
    readonly [string, readonly [string, string] | undefined, readonly string[]]
  >([
    [
      "busybox:1",
      undefined,
      ["https://registry-1.docker.io/v2/library/busybox/manifests/1"],
    ],
    [
      "home.arpa:5000/k8s/pause:1",
      ["ghcr.io", "https://other"],
      ["https://home.arpa:5000/v2/k8s/pause/manifests/1"],
    ],
    [
      "busybox:1",
      ["docker.io", "http://cache:5000"],
      [
        "http://cache:5000/v2/library/busybox/manifests/1?ns=docker.io",
        "https://registry-1.docker.io/v2/library/busybox/manifests/1",
      ],
    ],
    [
      "ghcr.io/a/b:1",
      ["ghcr.io", "https://harbor/v2/ghcr"],
      [
        "https://harbor/v2/ghcr/a/b/manifests/1?ns=ghcr.io",
        "https://ghcr.io/v2/a/b/manifests/1",
      ],
    ],
    [
      "home.arpa:5000/a:1",
      ["home.arpa:5000", "http://home.arpa:5000"],
      [
        "http://home.arpa:5000/v2/a/manifests/1",
        "https://home.arpa:5000/v2/a/manifests/1",
      ],
    ],
  ])("%s with the mirror %o", (text, mirror, expected) => {
    expect(urls(text, mirror)).toEqual(expected);
  });
});

it.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      ],
    ],
  ],
  [
    'Basic realm="a, Bearer b=c", BEARER Realm=https://x , service = "q\\"q"',
    [
      ["basic", { realm: "a, Bearer b=c" }],
      ["bearer", { realm: "https://x", service: 'q"q' }],
    ],
  ],
  ["", []],
  ["realm=x", []],
])("the challenge %s is understood", (header, expected) => {
  expect(
    parseChallenges(header).map(({ scheme, parameters }) => [
      scheme,
      Object.fromEntries(parameters),
    ]),
  ).toEqual(expected);
});
