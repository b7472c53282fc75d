// Brings everything that an image consists of into the cache.
import { rememberUse } from "../../network/cache-names.ts";
import type { Report } from "../../report/events.ts";
import { cannotCarry } from "./image-wrong.ts";
import { parseImageName } from "./parse-image-name.ts";
import {
  type RegistryOptions,
  openRegistry,
  type WantedBlob,
} from "./registry-client.ts";
import type { ResolvedImage } from "./resolve-image.ts";

export type PulledImage = ResolvedImage & {
  /** Digest -> path in the cache, of the manifest and of all blobs. */
  readonly paths: ReadonlyMap<string, string>;
};

/** The progress of one download as progress of the whole image. */
const asPartOf =
  (
    report: Report,
    subject: string,
    before: () => number,
    total: number,
  ): Report =>
  (event) => {
    if (event.type === "progress" && event.phase === "download") {
      report({ ...event, subject, done: before() + event.done, total });
    } else if (event.type !== "phase" || event.phase !== "download") {
      report(event);
    }
  };

/**
 * Reports the phase "download" with the image as its subject, in bytes of all blobs; what the cache has counts as done. Throws
 * what `resolveImage` throws.
 */
export const pullImage = async (
  image: ResolvedImage,
  options: RegistryOptions,
): Promise<PulledImage> => {
  const { name: subject, manifest, blobs } = image;
  const name = parseImageName(subject);
  if ("why" in name) {
    throw cannotCarry(JSON.stringify(subject), name.why);
  }
  const wanted: readonly (WantedBlob & { readonly size: number })[] = [
    { kind: "manifests", digest: manifest.digest, size: manifest.size },
    ...blobs.map(({ digest, size }) => ({
      kind: "blobs" as const,
      digest,
      size,
    })),
  ];
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  const { report } = options;
  report({ type: "phase", phase: "download", subject, total });
  const paths = new Map<string, string>();
  let done = 0;
  const client = openRegistry(name, {
    ...options,
    report: asPartOf(report, subject, () => done, total),
  });
  for (const blob of wanted) {
    options.signal.throwIfAborted();
    paths.set(blob.digest, await client.blob(blob));
    done += blob.size;
    report({ type: "progress", phase: "download", subject, done, total });
    await rememberUse(
      options.env,
      blob.digest.slice("sha256:".length),
      subject,
    );
  }
  return { ...image, paths };
};
