// Keys and certificates as a reviewer reads them: by the name that they have in test/golden/secrets.yaml.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { goldenFolder } from "./sample-project.ts";

type Pem = {
  /** Its path in the document: `nodes.worker1.hostKey.key`. */
  readonly name: string;
  readonly text: string;
};

const pems = (value: unknown, path: readonly string[]): readonly Pem[] => {
  if (typeof value === "string") {
    return value.startsWith("-----BEGIN ")
      ? [{ name: path.join("."), text: value }]
      : [];
  }
  return typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, below]) =>
        pems(below, [...path, key]),
      )
    : [];
};

const known = pems(
  parse(readFileSync(join(goldenFolder, "secrets.yaml"), "utf8")),
  [],
);

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const indented = (text: string, indent: string): string =>
  text.trimEnd().replaceAll(/^/gm, indent);

const literally = (text: string): string =>
  text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

const blocks = known.map(({ name, text }) => ({
  pattern: new RegExp(
    `^(?<indent> +)${text
      .trimEnd()
      .split("\n")
      .map(literally)
      .join(String.raw`\n\k<indent>`)}$`,
    "gm",
  ),
  mask: `$<indent>(secrets.yaml: ${name})`,
}));

/** The text with a line, or the value of a line, in place of every key and certificate. */
export const masked = (text: string): string => {
  let shown = text;
  for (const { pattern, mask } of blocks) {
    shown = shown.replaceAll(pattern, mask);
  }
  for (const { name, text } of known) {
    shown = shown.replaceAll(
      base64(text),
      `(secrets.yaml: ${name}, as base64)`,
    );
  }
  return shown;
};

/** What `masked` was given. */
export const unmasked = (text: string): string => {
  let whole = text;
  for (const { name, text } of known) {
    whole = whole
      .replaceAll(`(secrets.yaml: ${name}, as base64)`, base64(text))
      .replaceAll(
        new RegExp(`^( +)${literally(`(secrets.yaml: ${name})`)}$`, "gm"),
        (_, indent: string) => indented(text, indent),
      );
  }
  return whole;
};

/** Meta-data without the digest that any change moves. That it does is tested in render-seed.test.ts. */
export const withoutDigest = (metaData: string): string =>
  metaData.replace(/^(instance-id: .+-)[0-9a-f]{12}$/m, "$1(digest)");
