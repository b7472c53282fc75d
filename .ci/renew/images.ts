// Newer releases of the container images that a source file pins by digest: the same file with their tags and digests.
import { createHash } from "node:crypto";
import { compareVersions, type Get, newestRelease } from "./manifests.ts";

/** Name on ghcr.io, which is also the name of the repository that releases it; version; digest. */
const PIN = /ghcr\.io\/([\w./-]+):v([\d.]+)@sha256:([0-9a-f]{64})/g;

/** https://github.com/opencontainers/image-spec/blob/main/image-index.md, and Docker's earlier name for the same list */
const LISTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/**
 * The digest of a tag's list of platforms. It is made of the bytes that the registry serves, so a digest that it only claims
 * is not taken. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 *
 * @returns 64 hexadecimal digits
 * @throws {Error} where the registry does not answer, the tag names one platform's image, or arm64 is not among the platforms
 */
const digestOf = async (
  name: string,
  tag: string,
  get: Get,
): Promise<string> => {
  const { token } = JSON.parse(
    (await get(`https://ghcr.io/token?scope=repository:${name}:pull`)).toString(
      "utf8",
    ),
  ) as { token: string };
  const body = await get(`https://ghcr.io/v2/${name}/manifests/${tag}`, {
    accept: LISTS.join(", "),
    authorization: `Bearer ${token}`,
  });
  const list = JSON.parse(body.toString("utf8")) as {
    manifests?: readonly {
      platform?: { os: string; architecture: string };
    }[];
  };
  const arm64 = list.manifests?.some(
    ({ platform }) =>
      platform?.os === "linux" && platform.architecture === "arm64",
  );
  if (arm64 !== true) {
    throw new Error(`ghcr.io/${name}:${tag} has no image for linux/arm64`);
  }
  return createHash("sha256").update(body).digest("hex");
};

/**
 * @param text of a source file; all but the pins stays as it is
 * @throws {Error} where an address does not answer: nothing is renewed by halves
 */
export const renewImages = async (
  text: string,
  get: Get,
  now: Date,
): Promise<{ readonly text: string; readonly notes: readonly string[] }> => {
  let renewed = text;
  const notes: string[] = [];
  for (const [pin, name = "", old = ""] of text.matchAll(PIN)) {
    const next = await newestRelease(name, get, now);
    if (next !== undefined && compareVersions(next, old) > 0) {
      const digest = await digestOf(name, `v${next}`, get);
      renewed = renewed.replace(
        pin,
        `ghcr.io/${name}:v${next}@sha256:${digest}`,
      );
      notes.push(
        `- ${name}: ${old} -> ${next}, https://github.com/${name}/releases/tag/v${next}`,
      );
    }
  }
  return { text: renewed, notes };
};
