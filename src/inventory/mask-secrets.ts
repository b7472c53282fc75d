// Hides secrets that someone wrote into a file, before lines of the file are shown.
import { parseSecretReference } from "./references.ts";
import { looksPrivate } from "./ssh-keys.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

const SECRET_KEY = /^(pass|password|passphrase|psk|secret|token)$/i;

const isSecret = (key: string, value: unknown): boolean =>
  SECRET_KEY.test(key)
    ? !(typeof value === "string" && parseSecretReference(value) !== undefined)
    : typeof value === "string" &&
      (looksPrivate(value) || /:\/\/[^/@]*@/.test(value));

const secretPaths = (data: unknown): readonly Path[] => {
  const paths: Path[] = [];
  // Aliases can make the tree a graph, and even a circle.
  const seen = new Set<object>();
  const walk = (value: unknown, key: string, path: Path): void => {
    if (isSecret(key, value)) {
      paths.push(path);
    } else if (
      typeof value === "object" &&
      value !== null &&
      !seen.has(value)
    ) {
      seen.add(value);
      for (const [name, child] of Object.entries(value)) {
        const step = Array.isArray(value) ? Number(name) : name;
        walk(child, Array.isArray(value) ? key : name, [...path, step]);
      }
    }
  };
  walk(data, "", []);
  return paths;
};

const stars = (text: string): string => text.replaceAll(/[^\r\n]/g, "*");

const SECRET_LINE =
  /^(?<before>.*?\b(?:pass|password|passphrase|psk|secret|token)["']?\s*:\s*)(?!["']?(?:env:|file:|exec:|prompt\b))(?<secret>\S.*)$/i;

/** For a file whose tree cannot be trusted: everything behind a telling key, and the block below it. */
const maskLines = (text: string): string => {
  let block: number | undefined;
  return text
    .split("\n")
    .map((line) => {
      const indent = line.search(/\S/);
      if (block !== undefined && (indent === -1 || indent > block)) {
        return stars(line);
      }
      block = looksPrivate(line) ? -1 : undefined;
      const found = SECRET_LINE.exec(line)?.groups;
      if (found === undefined) {
        return line;
      }
      block = indent;
      return `${found["before"] ?? ""}${stars(found["secret"] ?? "")}`;
    })
    .join("\n");
};

/** The text with every secret as asterisks; lines and columns stay what they are. */
export const maskSecrets = (file: YamlFile, text: string): string => {
  if (file.brokenFrom !== undefined || file.data === undefined) {
    return maskLines(text);
  }
  const ranges = secretPaths(file.data)
    .flatMap((path) => {
      const range = file.rangeOf(path);
      return range === undefined ? [] : [range];
    })
    .sort(([a], [b]) => a - b);
  const parts: string[] = [];
  let done = 0;
  for (const [from, to] of ranges) {
    parts.push(text.slice(done, Math.max(done, from)));
    parts.push(stars(text.slice(Math.max(done, from), Math.max(done, to))));
    done = Math.max(done, to);
  }
  return parts.join("") + text.slice(done);
};
