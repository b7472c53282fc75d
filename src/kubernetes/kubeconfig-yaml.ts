// Reads and writes kubeconfigs as YAML, so that what is not ours comes out as it was.
import { type Document, isMap, isSeq, type YAMLMap } from "yaml";
import { parseOneBounded } from "../inventory/yaml/bounded-yaml.ts";

/** Scalars are taken as written (failsafe schema), so that values such as `0123` or `no` come out unchanged. */
export const parseKubeconfig = (text: string) =>
  parseOneBounded(text, { schema: "failsafe" });

/** Lists are written in kubectl's style, so that kubectl's next change to the file stays small. */
export const kubeconfigText = (document: Document): string =>
  document.toString({ lineWidth: 0, indentSeq: false });

/** The entries of a list; none where it is not one. */
export const entriesIn = (
  document: Document,
  list: string,
): readonly YAMLMap[] => {
  const node: unknown = document.get(list, true);
  return isSeq(node) ? node.items.filter(isMap) : [];
};

export const textIn = (item: YAMLMap, ...path: readonly string[]): string => {
  const value = item.getIn(path);
  return typeof value === "string" ? value : "";
};

/** The text behind base64 data; empty where there is none. */
export const dataIn = (item: YAMLMap, ...path: readonly string[]): string =>
  Buffer.from(textIn(item, ...path), "base64").toString();

/** Whether a cluster in the text, if it is a kubeconfig at all, is trusted by one of these certificates. */
export const trustsOneOf = (
  text: string,
  certificates: readonly string[],
): boolean => {
  const parsed = parseKubeconfig(text);
  if ("mistake" in parsed || parsed.document === undefined) {
    return false;
  }
  const trusted = entriesIn(parsed.document, "clusters").map((item) =>
    dataIn(item, "cluster", "certificate-authority-data"),
  );
  return certificates.some((certificate) =>
    trusted.some((bundle) => bundle.includes(certificate.trim())),
  );
};

/** Whether a cluster, a user or a context has this name, or may have it, in a text that is no YAML. */
export const mayHaveEntry = (text: string, name: string): boolean => {
  if (!text.includes(name)) {
    return false;
  }
  const parsed = parseKubeconfig(text);
  if ("mistake" in parsed) {
    return true;
  }
  const { document } = parsed;
  return (
    document !== undefined &&
    ["clusters", "users", "contexts"].some((list) =>
      entriesIn(document, list).some((item) => item.get("name") === name),
    )
  );
};
