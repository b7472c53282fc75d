// Newer releases of what profiles/manifests.yaml pins: the same file with their versions, addresses and checksums.
import { createHash } from "node:crypto";
import { isScalar, parseDocument } from "yaml";

/** Where each of them is released. */
const REPOSITORIES: Readonly<Record<string, string>> = {
  flannel: "flannel-io/flannel",
  calico: "projectcalico/calico",
  cilium: "cilium/cilium",
  storage: "kubernetes-csi/csi-driver-nfs",
};

/** Bad releases are mostly found and taken back within days. */
const COOLDOWN_DAYS = 7;

const DAY = 24 * 60 * 60 * 1000;

/** The body of an https address. Throws where there is no answer, or not 200. */
export type Get = (
  url: string,
  headers?: Readonly<Record<string, string>>,
) => Promise<Buffer>;

type Release = {
  readonly tag_name: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  readonly published_at: string;
};

const numbers = (version: string): readonly number[] =>
  version.replace(/^v/, "").split(".").map(Number);

/** Below 0 where the first version is the older one. */
export const compareVersions = (a: string, b: string): number => {
  const other = numbers(b);
  return numbers(a).reduce(
    (order, number, at) => order || number - (other[at] ?? 0),
    0,
  );
};

/** The newest version that is out for long enough, without its v; undefined where there is none. */
export const newestRelease = async (
  repository: string,
  get: Get,
  now: Date,
): Promise<string | undefined> => {
  const answer = await get(
    `https://api.github.com/repos/${repository}/releases?per_page=100`,
  );
  const releases = JSON.parse(answer.toString("utf8")) as readonly Release[];
  return releases
    .filter(
      ({ tag_name, draft, prerelease, published_at }) =>
        !draft &&
        !prerelease &&
        /^v\d+\.\d+\.\d+$/.test(tag_name) &&
        now.getTime() - Date.parse(published_at) >= COOLDOWN_DAYS * DAY,
    )
    .map(({ tag_name }) => tag_name.slice(1))
    .toSorted(compareVersions)
    .at(-1);
};

type Pin = { readonly url: string; readonly sha256: string };

type Pins = {
  readonly manifests: Readonly<
    Record<string, Pin & { readonly version: string }>
  >;
  readonly storage: {
    readonly version: string;
    readonly manifests: readonly Pin[];
  };
};

type Path = readonly (string | number)[];

export type Renewed = {
  readonly text: string;
  /** A line for each renewal; none: `text` is as it was. */
  readonly notes: readonly string[];
};

/**
 * @param text of profiles/manifests.yaml; its comments and its order stay
 * @throws {Error} where an address does not answer, or a pin has no known repository: nothing is renewed by halves
 */
export const renewManifests = async (
  text: string,
  get: Get,
  now: Date,
): Promise<Renewed> => {
  const document = parseDocument(text);
  const pins = document.toJS() as Pins;
  const edits: { from: number; to: number; value: string }[] = [];
  const notes: string[] = [];
  const set = (path: Path, value: string): void => {
    const node = document.getIn(path, true);
    if (!isScalar(node) || node.range == null) {
      throw new Error(`profiles/manifests.yaml has no ${path.join(".")}`);
    }
    const [from, to] = node.range;
    edits.push({ from, to, value });
  };
  const sections: readonly (readonly [
    string,
    string,
    Path,
    readonly (readonly [Path, Pin])[],
  ])[] = [
    ...Object.entries(pins.manifests).map(
      ([name, pin]) =>
        [
          name,
          pin.version,
          ["manifests", name],
          [[["manifests", name], pin]],
        ] as const,
    ),
    [
      "storage",
      pins.storage.version,
      ["storage"],
      pins.storage.manifests.map(
        (pin, at) => [["storage", "manifests", at], pin] as const,
      ),
    ],
  ];
  for (const [name, version, path, files] of sections) {
    const repository = REPOSITORIES[name];
    if (repository === undefined) {
      throw new Error(
        `profiles/manifests.yaml pins ${name}, and .ci/renew/manifests.ts does not know where it is released`,
      );
    }
    const old = version.replace(/^v/, "");
    const next = await newestRelease(repository, get, now);
    if (next === undefined || compareVersions(next, old) <= 0) {
      continue;
    }
    set([...path, "version"], version.replace(old, next));
    for (const [place, { url }] of files) {
      const address = url.replaceAll(old, next);
      const digest = createHash("sha256").update(await get(address));
      set([...place, "url"], address);
      set([...place, "sha256"], digest.digest("hex"));
    }
    notes.push(
      `- ${name}: ${old} -> ${next}, https://github.com/${repository}/releases/tag/v${next}`,
    );
  }
  const renewed = edits
    .toSorted((a, b) => b.from - a.from)
    .reduce(
      (all, { from, to, value }) => all.slice(0, from) + value + all.slice(to),
      text,
    );
  return { text: renewed, notes };
};
