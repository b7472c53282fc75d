// Makes what another computer says fit for a line on the terminal.
import { stripVTControlCharacters } from "node:util";

/** Without control characters: a line of a card that somebody else wrote must not steer the terminal. */
export const asOneLine = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
