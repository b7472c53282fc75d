// The lists, bills and statements of a release, against the published rules of those who read them.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import { renderBom } from "../../src/release/bom.ts";
import { roleComponents } from "../../src/release/components.ts";
import { renderOsList } from "../../src/release/os-list.ts";
import { planRelease } from "../../src/release/plan-release.ts";
import { renderProvenance } from "../../src/release/provenance.ts";
import { renderRoleSeed } from "../../src/seed/render-role-seed.ts";
import { packageFile } from "../../src/system/package-files.ts";
import {
  packageLibrary,
  sampleCluster,
  sampleProject,
} from "../seed/sample-project.ts";

const DIGEST = "ab".repeat(32);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const time = new Date("2026-11-20T06:00:00Z");

/**
 * https://github.com/raspberrypi/rpi-imager/blob/main/doc/json-schema/os-list-schema.json: what an entry must have and may
 * have. The schema lets unknown keys pass; Imager ignores them, so that a misspelt one would be lost.
 */
const osListRules = z.strictObject({
  os_list: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      icon: z.url(),
      url: z.url(),
      extract_size: z.int().positive(),
      extract_sha256: sha256,
      image_download_size: z.int().positive(),
      image_download_sha256: sha256,
      release_date: z.iso.date(),
      init_format: z.enum([
        "systemd",
        "cloudinit",
        "cloudinit-rpi",
        "rpi-preseed",
        "none",
        "",
      ]),
      architecture: z.enum(["armel", "armhf", "armv8"]),
      devices: z.array(z.string()).min(1),
      bmap_url: z.url(),
    }),
  ),
});

const listed = {
  role: "worker",
  base: { wanted: "ubuntu-24.04", name: "ubuntu-24.04.3.img.xz" },
  kubernetes: "1.36",
  url: "https://example.com/v1/lab-worker.img.xz",
  bmapUrl: "https://example.com/v1/lab-worker.img.bmap",
  archiveBytes: 1000,
  archiveSha256: DIGEST,
  imageBytes: 4096,
  imageSha256: "cd".repeat(32),
} as const;

const osList = (
  ...images: readonly Parameters<typeof renderOsList>[0]["images"][number][]
) =>
  osListRules.parse(
    JSON.parse(
      renderOsList({
        name: "lab",
        icon: "https://example.com/i.png",
        date: time,
        images,
      }),
    ),
  ).os_list;

it("lists images as Raspberry Pi Imager reads them", () => {
  const [entry] = osList(listed);
  expect(entry).toMatchObject({
    init_format: "cloudinit",
    release_date: "2026-11-20",
    // The pitfall: this one is of the raw image, the other of the archive.
    extract_sha256: listed.imageSha256,
    extract_size: 4096,
    image_download_sha256: DIGEST,
    image_download_size: 1000,
    devices: ["pi3-64bit", "pi4-64bit", "pi5-64bit"],
  });
});

it("offers an image only for boards that its base and its role serve", () => {
  const old = { wanted: "ubuntu-22.04", name: "x.img.xz" };
  const [worker, master] = osList(
    { ...listed, base: old },
    { ...listed, role: "control-plane" },
  );
  expect(worker?.devices).toEqual(["pi3-64bit", "pi4-64bit"]);
  expect(master?.devices).toEqual(["pi4-64bit", "pi5-64bit"]);
});

const vendorData = async (): Promise<string> =>
  renderRoleSeed({
    project: sampleProject,
    role: "worker",
    base: "ubuntu-24.04",
    library: await packageLibrary(),
    buildTime: time,
    version: "1.2.3",
  }).seed?.vendorData ?? "";

/** https://cyclonedx.org/docs/1.6/json/, the parts that we write. */
const componentRules = z.strictObject({
  type: z.enum([
    "operating-system",
    "application",
    "library",
    "file",
    "firmware",
  ]),
  "bom-ref": z.string().min(1),
  name: z.string().min(1),
  version: z.string().min(1).optional(),
  description: z.string().optional(),
  hashes: z
    .array(z.strictObject({ alg: z.literal("SHA-256"), content: sha256 }))
    .optional(),
  purl: z
    .string()
    .regex(/^pkg:[a-z]+\/[^\s]+$/)
    .optional(),
});

const bomRules = z.strictObject({
  $schema: z.literal("http://cyclonedx.org/schema/bom-1.6.schema.json"),
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  serialNumber: z
    .string()
    .regex(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
  version: z.literal(1),
  metadata: z.strictObject({
    timestamp: z.iso.datetime().optional(),
    tools: z.strictObject({
      components: z.array(
        z.strictObject({
          type: z.literal("application"),
          name: z.string(),
          version: z.string(),
        }),
      ),
    }),
    component: componentRules,
  }),
  components: z.array(componentRules),
  dependencies: z.array(
    z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) }),
  ),
});

const readBom = (text: string) => {
  const bom = bomRules.parse(JSON.parse(text));
  const refs = [bom.metadata.component, ...bom.components].map(
    (component) => component["bom-ref"],
  );
  expect(new Set(refs).size).toBe(refs.length);
  for (const { ref, dependsOn } of bom.dependencies) {
    expect(refs).toEqual(expect.arrayContaining([ref, ...dependsOn]));
  }
  return bom;
};

it("bills what the image will install, as the node's own scripts install it", async () => {
  for (const runtime of ["containerd", "containerd-docker", "cri-o"] as const) {
    const components = roleComponents({
      cluster: { ...sampleCluster, runtime },
      system: "ubuntu",
      base: { name: "base.img.xz", sha256: DIGEST },
      vendorData: await vendorData(),
      packages: "https://pkgs.k8s.io/core:/stable:/v1.36/deb/",
    });
    const bom = readBom(
      renderBom({
        subject: {
          type: "firmware",
          name: "lab-worker",
          version: "1.36.5",
          sha256: DIGEST,
        },
        components,
        version: "1.2.3",
        time,
      }),
    );
    const script = readFileSync(
      packageFile("cloud-init/files/usr/local/lib/pi-image/phases/30-packages"),
      "utf8",
    );
    const packages = bom.components.filter(
      ({ type }) => type === "application",
    );
    expect(packages.length).toBe(10);
    for (const { name, purl } of packages) {
      expect(script, name).toMatch(
        new RegExp(`\\b${name.replace(".", "\\.")}\\b`),
      );
      expect(purl).toMatch(/^pkg:deb\/(kubernetes|ubuntu)\//);
    }
    expect(bom.components.find(({ name }) => name === "kubelet")?.version).toBe(
      "1.36.5",
    );
    const files = bom.components.filter(({ type }) => type === "file");
    expect(files.map(({ name }) => name)).toContain(
      "/usr/local/lib/pi-image/node",
    );
    expect(files.every(({ hashes }) => hashes?.length === 1)).toBe(true);
  }
});

it("bills packages of Raspberry Pi OS as Debian's, and Docker's for Debian", async () => {
  const billed = async (runtime: "containerd" | "containerd-docker") =>
    roleComponents({
      cluster: { ...sampleCluster, runtime },
      system: "raspios",
      base: { name: "2025-12-04-raspios.img.xz", sha256: DIGEST },
      vendorData: await vendorData(),
      packages: "https://pkgs.k8s.io/core:/stable:/v1.36/deb/",
    })
      .map(({ purl }) => purl ?? "")
      .filter((purl) => !purl.includes("kubernetes") && purl !== "");
  const own = await billed("containerd");
  expect(own).toContain("pkg:deb/debian/containerd?arch=arm64");
  expect(own.join()).not.toContain("ubuntu");
  expect((await billed("containerd-docker")).join()).toContain(
    `containerd.io?arch=arm64&repository_url=${encodeURIComponent("https://download.docker.com/linux/debian")}`,
  );
});

it("bills pi-image itself, without what only its developers need", () => {
  const bom = readBom(
    readFileSync(packageFile("docs/reference/pi-image.cdx.json"), "utf8"),
  );
  const names = bom.components.map(({ name }) => name);
  const manifest = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(packageFile("package.json"), "utf8")));
  expect(names).toEqual(
    expect.arrayContaining(Object.keys(manifest.dependencies)),
  );
  expect(names).not.toContain("vitest");
});

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance */
const statementRules = z.strictObject({
  _type: z.literal("https://in-toto.io/Statement/v1"),
  subject: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        digest: z.strictObject({ sha256 }),
      }),
    )
    .min(1),
  predicateType: z.literal("https://slsa.dev/provenance/v1"),
  predicate: z.strictObject({
    buildDefinition: z.strictObject({
      buildType: z.string().regex(/^[a-z]+:/),
      externalParameters: z.record(z.string(), z.unknown()),
      resolvedDependencies: z.array(
        z.strictObject({
          name: z.string().optional(),
          uri: z.string().optional(),
          digest: z
            .record(z.enum(["sha256", "gitCommit"]), z.string().optional())
            .optional(),
        }),
      ),
    }),
    runDetails: z.strictObject({
      builder: z.strictObject({ id: z.string().regex(/^[a-z]+:/) }),
      metadata: z.strictObject({ invocationId: z.url().optional() }),
    }),
  }),
});

const statement = (env: Readonly<Record<string, string>>) =>
  statementRules.parse(
    JSON.parse(
      renderProvenance({
        plan: planRelease({
          name: "lab",
          images: [{ role: "worker", base: "/home/ana/base.img" }],
          formats: ["img.xz"],
          out: "release",
          buildTime: time,
          signed: true,
          listed: false,
        }),
        subjects: [{ name: "lab-worker-base.img.xz", sha256: DIGEST }],
        images: [
          { role: "worker", base: { name: "base.img", sha256: DIGEST } },
        ],
        kubernetes: sampleCluster.kubernetes,
        version: "1.2.3",
        env,
      }),
    ),
  ).predicate;

it("states where a release comes from, and no path of anybody's computer", () => {
  const { buildDefinition, runDetails } = statement({ HOME: "/home/ana" });
  expect(runDetails).toEqual({
    builder: { id: "pkg:npm/pi-image@1.2.3" },
    metadata: {},
  });
  expect(buildDefinition.resolvedDependencies).toEqual([
    { name: "base.img", digest: { sha256: DIGEST } },
    { uri: "pkg:npm/pi-image@1.2.3" },
  ]);
  expect(JSON.stringify(buildDefinition)).not.toContain("ana");
});

it("names the workflow, the run and the commit of GitHub Actions", () => {
  const { buildDefinition, runDetails } = statement({
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "ana/lab",
    GITHUB_WORKFLOW_REF: "ana/lab/.github/workflows/release.yml@refs/tags/v1",
    GITHUB_REF: "refs/tags/v1",
    GITHUB_SHA: "c0ffee",
    GITHUB_RUN_ID: "7",
    GITHUB_RUN_ATTEMPT: "2",
  });
  expect(runDetails).toEqual({
    builder: {
      id: "https://github.com/ana/lab/.github/workflows/release.yml@refs/tags/v1",
    },
    metadata: {
      invocationId: "https://github.com/ana/lab/actions/runs/7/attempts/2",
    },
  });
  expect(buildDefinition.resolvedDependencies.at(-1)).toEqual({
    uri: "git+https://github.com/ana/lab@refs/tags/v1",
    digest: { gitCommit: "c0ffee" },
  });
});

it.each([
  ["ubuntu-24.04", "lab-worker-ubuntu-24.04"],
  [
    "/srv/ubuntu-24.04.3-preinstalled-server-arm64+raspi.img.xz",
    "lab-worker-ubuntu-24.04.3-preinstalled-server-arm64-raspi",
  ],
  ["https://example.com/my image.img", "lab-worker-my-image"],
])("calls an image of %s %s", (base, name) => {
  const { steps } = planRelease({
    name: "lab",
    images: [{ role: "worker", base }],
    formats: ["img.xz"],
    out: "release",
    buildTime: time,
    signed: false,
    listed: false,
  });
  expect(steps[0]?.name).toBe(name);
});
