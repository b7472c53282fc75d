// Adds a node to the text of an inventory; every other byte of it stays.
import { isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

export type NewNode = {
  readonly name: string;
  readonly role: string;
  /** With prefix length; undefined for DHCP. */
  readonly address: string | undefined;
};

/** Words that YAML 1.1 readers take for something other than text. */
const NOT_A_STRING = /^(?:true|false|yes|no|on|off|null|y|n)$/i;
const PLAIN = /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/;
const ADDRESS = /^\d+\.\d+\.\d+\.\d+(?:\/\d+)?$/;

const scalar = (value: string): string =>
  (PLAIN.test(value) && !NOT_A_STRING.test(value)) || ADDRESS.test(value)
    ? value
    : JSON.stringify(value);

const pairs = (node: NewNode): readonly string[] => [
  `name: ${scalar(node.name)}`,
  `role: ${scalar(node.role)}`,
  ...(node.address === undefined ? [] : [`address: ${scalar(node.address)}`]),
];

/** For a list such as `[{...}, {...}]`: adds the node after the last one, on the same line. */
const insertInFlow = (text: string, end: number, node: NewNode): string =>
  `${text.slice(0, end)}, {${pairs(node).join(", ")}}${text.slice(end)}`;

/** The offset after the line break of the line in which a value ends. */
const lineEnd = (text: string, valueEnd: number): number => {
  const found = text.indexOf("\n", Math.max(0, valueEnd - 1));
  return found === -1 ? text.length : found + 1;
};

const insertInBlock = (
  text: string,
  list: YAMLSeq,
  last: YAMLMap,
  node: NewNode,
): string | undefined => {
  const [start, valueEnd] = last.range ?? [];
  const token = list.srcToken;
  if (
    start === undefined ||
    valueEnd === undefined ||
    token?.type !== "block-seq"
  ) {
    return undefined;
  }
  const dash = " ".repeat(token.indent);
  const lineBreak = text.includes("\r\n") ? "\r\n" : "\n";
  // Follows the style of the last node: a mapping on one line, or one line for each key.
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  const blanks = " ".repeat(Math.max(1, column - token.indent - 1));
  const item =
    last.flow === true
      ? [`${dash}-${blanks}{${pairs(node).join(", ")}}`]
      : pairs(node).map((pair, index) =>
          index === 0 ? `${dash}-${blanks}${pair}` : `${dash} ${blanks}${pair}`,
        );
  const at = lineEnd(text, valueEnd);
  const before = text.slice(0, at);
  return (
    (before.endsWith("\n") ? before : before + lineBreak) +
    item.map((line) => line + lineBreak).join("") +
    text.slice(at)
  );
};

/**
 * The text with one more node after the last one, in the same style. Undefined when `nodes` is not a list of mappings with
 * at least one in it. What the new text says is checked by loading it, not here.
 */
export const insertNode = (text: string, node: NewNode): string | undefined => {
  const list: unknown = parseDocument(text, {
    keepSourceTokens: true,
    logLevel: "silent",
  }).get("nodes", true);
  const last: unknown = isSeq(list) ? list.items.at(-1) : undefined;
  if (!isSeq(list) || !isMap(last)) {
    return undefined;
  }
  if (list.flow === true) {
    const end = last.range?.[1];
    return end === undefined ? undefined : insertInFlow(text, end, node);
  }
  return insertInBlock(text, list, last, node);
};
