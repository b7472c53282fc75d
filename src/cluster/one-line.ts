// Makes text from another computer safe to print as one line on the terminal.
import { stripVTControlCharacters } from "node:util";

/** Removes control characters, so that text from somebody else's card cannot control the terminal. */
export const asOneLine = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
