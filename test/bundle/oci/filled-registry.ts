// A registry with images of all kinds, and how a test asks a front of it for them.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import {
  type PulledImage,
  pullImage,
} from "../../../src/bundle/oci/pull-image.ts";
import type { RegistryOptions } from "../../../src/bundle/oci/registry-client.ts";
import { resolveImage } from "../../../src/bundle/oci/resolve-image.ts";
import { testOptions } from "../../base/base-options.ts";
import {
  type Front,
  type Registry,
  startFront,
  startRegistry,
} from "./registry.ts";
import { digestOf, writeSampleImage } from "./sample-image.ts";

/** Nobody listens on this port: only its mirror has its images. */
export const REGISTRY = "localhost:1";

const BOTH = ["linux/amd64", "linux/arm64/v8"];

export const fillRegistry = async (): Promise<Registry> => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-oci-"));
  const registry = await startRegistry();
  const push = async (
    name: string,
    sample: Parameters<typeof writeSampleImage>[1],
    ...more: string[]
  ) => {
    const place = join(folder, name.replaceAll(/\W/g, "-"));
    await writeSampleImage(place, sample);
    await registry.push(`oci:${place}`, `team/${name}:1`, ...more);
  };
  await push("app", { platforms: BOTH }, "--all");
  await push("docker", { platforms: BOTH }, "--all", "--format=v2s2");
  await push("single", { platforms: ["linux/arm64"], indexed: false });
  await push(
    "foreign",
    { platforms: ["linux/amd64", "linux/arm/v7"] },
    "--all",
  );
  await push("amd", { platforms: ["linux/amd64"], indexed: false });
  await push(
    "liar",
    { platforms: ["linux/arm64"], configured: "linux/amd64" },
    "--all",
  );
  rmSync(folder, { recursive: true, force: true });
  return registry;
};

/** The front is a mirror of REGISTRY; the cache is empty. */
export const askingFront = (front: Front, env: NodeJS.ProcessEnv = {}) => ({
  ...testOptions(env),
  registries: [{ registry: REGISTRY, mirror: front.address }],
});

/** @param name such as "app" */
export const pullFrom = async (
  name: string,
  options: RegistryOptions & { readonly locked?: string },
): Promise<PulledImage> =>
  pullImage(await resolveImage(`${REGISTRY}/team/${name}:1`, options), options);

export type Fixture = {
  readonly registry: Registry;
  /** "app" as it comes without faults, and the largest of its layers. */
  readonly whole: PulledImage;
  readonly layer: { readonly digest: string; readonly bytes: Buffer };
};

/** A filled registry for all tests of a file; what this returns has its values when the first test runs. */
export const withRegistry = (): Fixture => {
  const fixture = {} as { -readonly [Key in keyof Fixture]: Fixture[Key] };
  let cache: string;
  beforeAll(async () => {
    cache = mkdtempSync(join(tmpdir(), "pi-image-oci-"));
    const registry = await fillRegistry();
    const whole = await pullFrom("app", {
      env: { PI_IMAGE_CACHE_HOME: join(cache, "cache") },
      report: () => undefined,
      signal: new AbortController().signal,
      userAgent: "pi-image/test",
      registries: [{ registry: REGISTRY, mirror: `http://${registry.host}` }],
    });
    const { digest } = whole.blobs.reduce((a, b) => (a.size > b.size ? a : b));
    const bytes = readFileSync(whole.paths.get(digest) ?? "");
    Object.assign(fixture, { registry, whole, layer: { digest, bytes } });
  });
  afterAll(async () => {
    await fixture.registry.close();
    rmSync(cache, { recursive: true, force: true });
  });
  return fixture;
};

/** A new front of the registry, and an empty cache. */
export const setUp = async ({ registry }: Fixture) => {
  const front = await startFront(registry);
  return { front, options: askingFront(front) };
};

/** Digests in the cache, each of which must be true, and downloads that are not complete. */
export const keptIn = ({ env }: { readonly env: NodeJS.ProcessEnv }) => {
  const list = (kind: string): readonly string[] => {
    const folder = join(env["PI_IMAGE_CACHE_HOME"] ?? "", kind);
    return existsSync(folder)
      ? readdirSync(folder).map((name) => join(folder, name))
      : [];
  };
  const whole = list("archives").filter((path) => /[0-9a-f]{64}$/.test(path));
  for (const path of whole) {
    expect(digestOf(readFileSync(path))).toBe(`sha256:${path.slice(-64)}`);
  }
  return {
    whole: whole.map((path) => `sha256:${path.slice(-64)}`),
    parts: list("downloads").filter((path) => statSync(path).size > 0),
  };
};

/** The image has the same parts, and each is what its digest says. */
export const expectSame = (image: PulledImage, whole: PulledImage): void => {
  expect(image.digest).toBe(whole.digest);
  expect([...image.paths.keys()]).toEqual([...whole.paths.keys()]);
  for (const [digest, path] of image.paths) {
    expect(digestOf(readFileSync(path))).toBe(digest);
  }
};

export const isBlob = (
  { url = "" }: IncomingMessage,
  digest: string,
): boolean => url.split("?")[0]?.endsWith(`/blobs/${digest}`) === true;

/** With one wrong bit in the middle. */
export const flipped = (bytes: Buffer): Buffer => {
  const wrong = Buffer.from(bytes);
  wrong[wrong.length >> 1]! ^= 1;
  return wrong;
};
