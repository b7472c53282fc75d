// The name of a container image as manifests have it, taken apart, and in full as containerd keeps it.
// https://github.com/distribution/reference/blob/v0.6.0/reference.go (grammar) and normalize.go (what is left out)

export type ImageName = {
  /** Host, with a port where it has one; "docker.io" where the name has none. */
  readonly registry: string;
  /** Such as "library/busybox". */
  readonly repository: string;
  /** What to ask the registry for: a tag, or a digest such as "sha256:…". */
  readonly reference: string;
  /**
   * The only name by which the kubelet finds the image in containerd: without a tag where it has a digest, as ParseDockerRef of
   * normalize.go makes it.
   */
  readonly full: string;
};

const DEFAULT_REGISTRY = "docker.io";
/** What Docker Hub was called before; normalize.go replaces it, too. */
const FORMER_REGISTRY = "index.docker.io";

const HOST =
  /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d{1,5})?$/;
const REPOSITORY =
  /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const LONGEST_REPOSITORY = 255;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (text: string): boolean => DIGEST.test(text);

const isHost = (first: string): boolean =>
  /[.:]/.test(first) || first === "localhost";

const splitRegistry = (
  name: string,
): Pick<ImageName, "registry" | "repository"> => {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  if (
    isHost(first) &&
    first !== DEFAULT_REGISTRY &&
    first !== FORMER_REGISTRY
  ) {
    return { registry: first, repository: name.slice(slash + 1) };
  }
  const repository = isHost(first) ? name.slice(slash + 1) : name;
  return {
    registry: DEFAULT_REGISTRY,
    repository: repository.includes("/") ? repository : `library/${repository}`,
  };
};

/** Why this is no name, for after the name in a sentence; undefined where it is one. */
const fault = (
  name: string,
  { registry, repository }: Pick<ImageName, "registry" | "repository">,
  tag: string | undefined,
  digest: string | undefined,
): string | undefined => {
  if (/^[a-z]+:\/\//i.test(name)) {
    return "begins with a scheme; image names have none";
  }
  if (/[A-Z]/.test(name)) {
    return "has capital letters before its tag; image names are written in small letters";
  }
  if (/^[0-9a-f]{64}$/.test(name)) {
    return "is an image's id, and no registry can be asked for that";
  }
  if (digest !== undefined && !DIGEST.test(digest)) {
    return "has a digest that is not a SHA-256";
  }
  if (tag !== undefined && !TAG.test(tag)) {
    return "has a tag that cannot be one";
  }
  return HOST.test(registry) &&
    Number(registry.split(":")[1] ?? 1) < 65_536 &&
    REPOSITORY.test(repository) &&
    repository.length <= LONGEST_REPOSITORY
    ? undefined
    : "is not the name of a container image";
};

/** Where it is not a name: `why` not, for after the name in a sentence. */
export const parseImageName = (
  text: string,
): ImageName | { readonly why: string } => {
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  const tagged = at === -1 ? text : text.slice(0, at);
  // A colon before the last slash belongs to a port.
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/") + 1);
  const tag = colon === -1 ? undefined : tagged.slice(colon + 1);
  const name = colon === -1 ? tagged : tagged.slice(0, colon);
  const parts = splitRegistry(name);
  const why = fault(name, parts, tag, digest);
  if (why !== undefined) {
    return { why };
  }
  const reference = digest ?? tag ?? "latest";
  return {
    ...parts,
    reference,
    full: `${parts.registry}/${parts.repository}${digest === undefined ? ":" : "@"}${reference}`,
  };
};
