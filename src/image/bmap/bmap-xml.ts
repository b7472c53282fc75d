// Reads the little of XML that block maps use: elements, attributes, text and comments, and nothing else.

export type XmlElement = {
  /** Names from the root on, such as "bmap/BlockMap/Range". */
  readonly path: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Directly inside, without the text of inner elements. */
  readonly text: string;
};

const DEEPEST = 8;
/** Four times the ranges of the largest map that we make; each takes some hundred bytes of memory. */
const MOST_ELEMENTS = 262_144;
const LONGEST = 256 * 1024 * 1024;

const COMMENT = /<!--[^]*?-->/y;
const DECLARATION = /<\?xml\s[^<>]*\?>/y;
/** The number of attributes is limited, because the regular-expression engine keeps each one on its stack. */
const TAG =
  /<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w.:-]+=(?:"[^"<&]*"|'[^'<&]*')){0,32})\s*(\/?)>/y;
const TEXT = /[^<&]+/y;
const ATTRIBUTE = /([\w.:-]+)=(?:"([^"]*)"|'([^']*)')/g;

type OpenElement = {
  readonly path: string;
  readonly attributes: ReadonlyMap<string, string>;
  text: string;
};

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

const readAttributes = (text: string): ReadonlyMap<string, string> =>
  text === ""
    ? NO_ATTRIBUTES
    : new Map(
        [...text.matchAll(ATTRIBUTE)].map(([, name = "", double, single]) => [
          name,
          double ?? single ?? "",
        ]),
      );

/**
 * The elements in the order in which they start, or the reason why the text is refused. Document types, entities
 * and processing instructions are refused: no block map needs them, but attacks on XML readers do.
 */
export const readXmlElements = (
  text: string,
): readonly XmlElement[] | string => {
  const elements: OpenElement[] = [];
  const open: OpenElement[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    at = match === null ? at : pattern.lastIndex;
    return match ?? undefined;
  };
  if (text.length > LONGEST) {
    return "it is too large";
  }
  take(DECLARATION);
  while (at < text.length) {
    const current = open.at(-1);
    if (take(COMMENT) !== undefined) {
      continue;
    }
    const words = take(TEXT)?.[0];
    if (words !== undefined) {
      if (current === undefined && words.trim() !== "") {
        return "it has text outside of its elements";
      }
      if (current !== undefined) {
        current.text += words;
      }
      continue;
    }
    const [tag, closing, name = "", attributes = "", empty] = take(TAG) ?? [];
    if (tag === undefined) {
      return `it is not the XML of a block map at character ${at + 1}`;
    }
    if (closing === "/") {
      if (current?.path.split("/").at(-1) !== name) {
        return `</${name.slice(0, 40)}> ends nothing`;
      }
      open.pop();
      continue;
    }
    if (
      (current === undefined && elements.length > 0) ||
      open.length >= DEEPEST ||
      elements.length >= MOST_ELEMENTS
    ) {
      return "it has more elements than a block map";
    }
    const path = current === undefined ? name : `${current.path}/${name}`;
    const element = { path, attributes: readAttributes(attributes), text: "" };
    elements.push(element);
    if (empty !== "/") {
      open.push(element);
    }
  }
  return open.length > 0 || elements.length === 0
    ? "it ends too early"
    : elements;
};
