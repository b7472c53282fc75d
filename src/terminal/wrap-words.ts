// Breaks a line between words, because a terminal would break it anywhere.
import { displayWidth } from "./display-width.ts";

/**
 * Lines of at most `columns` columns; the second and later ones start with `indent`. A word that is longer than a line, such as
 * a path, is left whole, so that it can be copied.
 */
export const wrapWords = (
  text: string,
  columns: number,
  indent: string,
): readonly string[] => {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(" ")) {
    const longer: string = line === undefined ? word : `${line} ${word}`;
    const fits = displayWidth(longer) <= columns;
    if (fits || line === undefined || line.trim() === "") {
      line = longer;
    } else {
      lines.push(line);
      line = `${indent}${word}`;
    }
  }
  return [...lines, line ?? ""];
};
