// Edits the firmware's config.txt: our settings go into one marked block, and everything else stays as it is.
// https://www.raspberrypi.com/documentation/computers/config_txt.html

import {
  type ConfigSection,
  mergeSections,
} from "../../firmware/config-lines.ts";

const BLOCK_START = "# >>> pi-image";
const BLOCK_END = "# <<< pi-image";

const endsBySelf = (section: string): boolean => /^[a-z\d+]*$/.test(section);

/** The block's lines; empty when there is nothing to set. */
const blockLines = (sections: readonly ConfigSection[]): string[] => {
  const merged = mergeSections(sections);
  if (merged.length === 0) {
    return [];
  }
  // A model's filter ends that of another model; every other kind is ended by [all] only.
  const body = merged.flatMap(({ section, lines }, index) => [
    ...(endsBySelf(section) && endsBySelf(merged[index - 1]?.section ?? "")
      ? []
      : ["[all]"]),
    ...section.split(" ").map((filter) => `[${filter}]`),
    ...lines,
  ]);
  // A filter stays in force until the next one: without the last line, ours would reach into what follows.
  return [BLOCK_START, ...body, "[all]", BLOCK_END];
};

/** Removes every block of ours and says where the first one was; of a start without an end, only the marker is removed. */
const withoutBlocks = (
  lines: readonly string[],
): { readonly rest: readonly string[]; readonly at: number | undefined } => {
  const rest: string[] = [];
  let at: number | undefined;
  let start: number | undefined;
  for (const line of lines) {
    const mark = line.trim();
    if (mark === BLOCK_START) {
      start = rest.length;
    } else if (mark !== BLOCK_END) {
      rest.push(line);
    } else if (start !== undefined) {
      rest.length = start;
      at ??= start;
      start = undefined;
    }
  }
  return { rest, at };
};

/**
 * config.txt with these settings in our block: in place of an earlier block of ours, else at the end, under
 * filters of its own. Line ends and a byte order mark stay; applied again, it changes nothing.
 */
export const editConfigTxt = (
  text: string,
  sections: readonly ConfigSection[],
): string => {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  // Each line keeps its own end.
  const lines = text.slice(mark.length).split(/(?<=\n)/);
  const block = blockLines(sections);
  const { rest, at = rest.length } = withoutBlocks(lines);
  if (block.length === 0 && rest.length === lines.length) {
    return text;
  }
  const before = rest.slice(0, at).join("");
  const complete = before === "" || before.endsWith("\n");
  return [
    mark,
    before,
    complete ? "" : newline,
    ...block.map((line) => line + newline),
    ...rest.slice(at),
  ].join("");
};
