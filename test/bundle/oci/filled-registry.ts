// A registry with images of all kinds, and how a test asks a front of it for them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type PulledImage,
  pullImage,
} from "../../../src/bundle/oci/pull-image.ts";
import type { RegistryOptions } from "../../../src/bundle/oci/registry-client.ts";
import { resolveImage } from "../../../src/bundle/oci/resolve-image.ts";
import { testOptions } from "../../base/base-options.ts";
import { type Front, type Registry, startRegistry } from "./registry.ts";
import { writeSampleImage } from "./sample-image.ts";

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
