// Writes a version of Kubernetes into the text of an inventory; every other byte of it stays.
import { isDeepStrictEqual } from "node:util";
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";
import { ifOneOf } from "../report/expected-failure.ts";

const parse = (text: string) =>
  parseDocument(text, { keepSourceTokens: true, logLevel: "silent" });

const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);

/** In place of a value that is there, or as the first entry of a mapping. */
const withEntry = (
  text: string,
  map: YAMLMap,
  key: string,
  value: string,
): string | undefined => {
  const old = pairOf(map, key)?.value;
  if (isScalar(old) && old.range) {
    const [from, to] = old.range;
    return `${text.slice(0, from)}${value}${text.slice(to)}`;
  }
  if (old !== undefined || !map.range) {
    return undefined;
  }
  const [from] = map.range;
  if (map.flow === true) {
    return `${text.slice(0, from + 1)}${key}: ${value}${map.items.length === 0 ? "" : ", "}${text.slice(from + 1)}`;
  }
  const begin = text.lastIndexOf("\n", from - 1) + 1;
  const indent = text.slice(begin, from);
  return indent.trim() === ""
    ? `${text.slice(0, begin)}${indent}${key}: ${value}\n${text.slice(begin)}`
    : undefined;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the text says, with this version; undefined where it has no mapping `cluster`, or an alias has lost what it refers to. */
const saidBy = (text: string, version?: string): unknown => {
  try {
    const value: unknown = parse(text).toJS();
    if (!isObject(value) || !isObject(value["cluster"])) {
      return undefined;
    }
    const { kubernetes } = value["cluster"];
    return version === undefined
      ? value
      : {
          ...value,
          cluster: {
            ...value["cluster"],
            kubernetes: isObject(kubernetes)
              ? { ...kubernetes, version }
              : version,
          },
        };
  } catch (error) {
    return ifOneOf(error, [ReferenceError], undefined);
  }
};

/**
 * The text with this version, such as "1.37", in quotes. Undefined where `cluster` is no plain mapping, or where the version is
 * said by an anchor or an alias.
 */
export const setKubernetes = (
  text: string,
  version: string,
): string | undefined => {
  const document = parse(text);
  const cluster: unknown = document.get("cluster", true);
  if (!isMap(cluster) || document.errors.length > 0) {
    return undefined;
  }
  const settings = pairOf(cluster, "kubernetes")?.value;
  const quoted = `"${version}"`;
  const edited = isMap(settings)
    ? withEntry(text, settings, "version", quoted)
    : withEntry(text, cluster, "kubernetes", quoted);
  return edited !== undefined &&
    parse(edited).errors.length === 0 &&
    isDeepStrictEqual(saidBy(edited), saidBy(text, version))
    ? edited
    : undefined;
};
