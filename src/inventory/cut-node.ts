// Takes a node out of the text of an inventory; every other byte of it stays.
import { isDeepStrictEqual } from "node:util";
import { isMap, isSeq, parseDocument, type YAMLSeq } from "yaml";
import { ifOneOf } from "../report/expected-failure.ts";

const parse = (text: string) =>
  parseDocument(text, { keepSourceTokens: true, logLevel: "silent" });

/** From the item to the next one, or from the end of the one before: the comma goes with it. */
const cutFromFlow = (
  text: string,
  { items }: YAMLSeq,
  index: number,
): string | undefined => {
  const rangeOf = (at: number) => {
    const item: unknown = items[at];
    return isMap(item) ? item.range : undefined;
  };
  const own = rangeOf(index);
  const next = rangeOf(index + 1);
  const before = rangeOf(index - 1);
  if (own === undefined || own === null) {
    return undefined;
  }
  const from = next ? own[0] : (before?.[1] ?? own[0]);
  return text.slice(0, from) + text.slice(next ? next[0] : own[1]);
};

/** Whether a line is a comment that stands further right than the dash, as one about the last key of the item does. */
const isInnerComment = (line: string, indent: number): boolean => {
  const column = line.search(/\S/);
  return column > indent && line[column] === "#";
};

const cutFromBlock = (
  text: string,
  { items, srcToken }: YAMLSeq,
  index: number,
): string | undefined => {
  const item: unknown = items[index];
  const dash =
    srcToken?.type === "block-seq"
      ? srcToken.items[index]?.start.find(({ type }) => type === "seq-item-ind")
      : undefined;
  if (!isMap(item) || !item.range || dash === undefined) {
    return undefined;
  }
  const from = text.lastIndexOf("\n", dash.offset - 1) + 1;
  const indent = dash.offset - from;
  if (text.slice(from, dash.offset).trim() !== "") {
    return undefined;
  }
  const lineEnd = (at: number): number => {
    const found = text.indexOf("\n", at);
    return found === -1 ? text.length : found + 1;
  };
  let to = lineEnd(Math.max(0, item.range[1] - 1));
  while (
    to < text.length &&
    isInnerComment(text.slice(to, lineEnd(to)), indent)
  ) {
    to = lineEnd(to);
  }
  return text.slice(0, from) + text.slice(to);
};

/** What a text says, but for one of its nodes; undefined where an alias in it has lost what it refers to. */
const saidBy = (text: string, except?: number): unknown => {
  try {
    const value: unknown = parse(text).toJS();
    if (typeof value !== "object" || value === null || !("nodes" in value)) {
      return undefined;
    }
    const { nodes } = value;
    return Array.isArray(nodes)
      ? { ...value, nodes: nodes.filter((_, index) => index !== except) }
      : undefined;
  } catch (error) {
    return ifOneOf(error, [ReferenceError], undefined);
  }
};

/**
 * The text without the node of this name: its lines, what is said behind and between them, and nothing else. A comment above it
 * stays, since it may be about all that follow. Undefined where `nodes` is not a plain list that has it once, or where others refer
 * to what it says (`*anchor`).
 */
export const cutNode = (text: string, name: string): string | undefined => {
  const document = parse(text);
  const list: unknown = document.get("nodes", true);
  if (!isSeq(list) || document.errors.length > 0) {
    return undefined;
  }
  const named = list.items.flatMap((item: unknown, index) =>
    isMap(item) && item.get("name") === name ? index : [],
  );
  const [index, another] = named;
  if (index === undefined || another !== undefined) {
    return undefined;
  }
  const cut =
    list.flow === true
      ? cutFromFlow(text, list, index)
      : cutFromBlock(text, list, index);
  return cut !== undefined &&
    parse(cut).errors.length === 0 &&
    isDeepStrictEqual(saidBy(cut), saidBy(text, index))
    ? cut
    : undefined;
};
