// The container images that the objects of a manifest name.
import { isMap, isPair, isScalar, visit, type YAMLMap } from "yaml";
import { parseBoundedYaml } from "../inventory/yaml/bounded-yaml.ts";

export type ManifestImage = {
  readonly image: string;
  /** Why a node without a registry cannot start it although it has it; undefined where it can. */
  readonly asksRegistry: string | undefined;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
};

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec */
const CONTAINERS = new Set([
  "containers",
  "initContainers",
  "ephemeralContainers",
]);

const textOf = (map: Pick<YAMLMap, "get">, key: string): string | undefined => {
  const value = map.get(key);
  return typeof value === "string" ? value : undefined;
};

/** After its registry and path: ":tag", "@digest", both or nothing. */
const versionOf = (image: string): string =>
  /[:@].*$/.exec(image.slice(image.lastIndexOf("/") + 1))?.[0] ?? "";

/**
 * Without a policy the kubelet takes Always for :latest and for no tag, and IfNotPresent for everything else.
 * https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
 */
const whyAsks = (
  image: string,
  policy: string | undefined,
): string | undefined => {
  const version = versionOf(image);
  if (policy === "Always") {
    return "imagePullPolicy: Always asks the registry at every start";
  }
  if (version === "" || version === ":latest") {
    return "an image without a version, or with :latest, is another one tomorrow";
  }
  return undefined;
};

/** A field of an object that an operator reads, such as a custom resource, counts only where it clearly names an image. */
const namesImage = (text: string): boolean =>
  /^[a-z0-9.-]+(:\d+)?\/[\w./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})$/.test(text);

/**
 * Of every workload and of every other object with a field `image`, in the order of the text. Definitions of custom resources
 * name none. The text is a manifest without mistakes.
 */
export const manifestImages = (text: string): readonly ManifestImage[] => {
  const parsed = parseBoundedYaml(text);
  if ("mistake" in parsed) {
    throw new Error(`not a manifest: ${parsed.mistake.message}`);
  }
  const found: ManifestImage[] = [];
  for (const document of parsed.documents) {
    const { contents } = document;
    if (
      !isMap(contents) ||
      textOf(contents, "kind") === "CustomResourceDefinition"
    ) {
      continue;
    }
    visit(document, {
      Map: (_key, map, path) => {
        const image = textOf(map, "image");
        if (image === undefined) {
          return;
        }
        const holder = path.findLast(isPair)?.key;
        const isContainer =
          isScalar(holder) && CONTAINERS.has(String(holder.value));
        if (!isContainer && !namesImage(image)) {
          return;
        }
        const node = map.get("image", true);
        const place = parsed.placeOf(node?.range?.[0] ?? 0);
        found.push({
          image,
          asksRegistry: isContainer
            ? whyAsks(image, textOf(map, "imagePullPolicy"))
            : undefined,
          line: place.line,
          column: place.column,
        });
      },
    });
  }
  return found;
};
