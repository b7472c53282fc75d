// Finds nesting that no person writes, before the recursive parser meets it.
import { Lexer } from "yaml";

/**
 * People nest five levels. Far deeper nesting overflows the stack, and if that happens while V8 compiles a regular
 * expression, the process ends.
 */
const MAX_FLOW_DEPTH = 64;
const MAX_INDENT = 256;

const DEEP_INDENT = new RegExp(`^[ ?:-]{${MAX_INDENT}}(?! *(#|$))`, "m");

/** The offset in `text` where brackets or indentation nest too deep; undefined if they do not. */
export const tooDeepAt = (text: string): number | undefined => {
  const indent = DEEP_INDENT.exec(text)?.index;
  let depth = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") {
      depth += 1;
    } else if (token === "]" || token === "}") {
      depth -= 1;
    }
    if (depth > MAX_FLOW_DEPTH) {
      return Math.min(offset, indent ?? offset);
    }
    offset += token.length;
  }
  return indent;
};
