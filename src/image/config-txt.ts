// Edits the firmware's config.txt: our settings stand in one marked block, everything else stays as it is.
// https://www.raspberrypi.com/documentation/computers/config_txt.html

/** Settings under one filter of config.txt, such as "all" or "pi5". */
export type ConfigSection = {
  readonly section: string;
  /** Such as "dtparam=pciex1_gen=3". */
  readonly lines: readonly string[];
};

const BLOCK_START = "# >>> pi-image";
const BLOCK_END = "# <<< pi-image";

/** The firmware cuts longer lines. */
const LONGEST_LINE = 98;

/** What to boot is the base image's business: on A/B images its own tools rewrite these. */
const NOT_OURS = ["kernel", "initramfs", "os_prefix", "cmdline"];

const keyOf = (line: string): string => /^[^\s=]*/.exec(line)?.[0] ?? "";

/** Lines with the same identity set the same thing; the firmware takes the last. */
const identityOf = (line: string): string => {
  const key = keyOf(line);
  // Each overlay is loaded on its own, and each parameter set on its own.
  if (key === "dtoverlay") {
    return line;
  }
  return key === "dtparam" ? line.split("=", 2).join("=") : key;
};

const checkLine = (line: string): void => {
  const wrong =
    NOT_OURS.includes(keyOf(line)) ||
    line.length > LONGEST_LINE ||
    !/^[\x21-\x7e][\x20-\x7e]*$/.test(line) ||
    line.startsWith("[") ||
    line.startsWith("#");
  if (wrong) {
    throw new Error(`not a setting for config.txt: ${JSON.stringify(line)}`);
  }
};

/** One entry a section, [all] first, each setting once with its last value. */
const mergeSections = (
  sections: readonly ConfigSection[],
): readonly (readonly [string, readonly string[]])[] => {
  const merged = new Map<string, Map<string, string>>([["all", new Map()]]);
  for (const { section, lines } of sections) {
    const settings = merged.get(section) ?? new Map<string, string>();
    merged.set(section, settings);
    for (const line of lines) {
      checkLine(line);
      settings.delete(identityOf(line));
      settings.set(identityOf(line), line);
    }
  }
  return [...merged]
    .map(([name, settings]) => [name, [...settings.values()]] as const)
    .filter(([, lines]) => lines.length > 0);
};

/** The block's lines; empty when there is nothing to set. */
const blockLines = (sections: readonly ConfigSection[]): string[] => {
  const merged = mergeSections(sections);
  if (merged.length === 0) {
    return [];
  }
  const body = merged.flatMap(([name, lines]) => [`[${name}]`, ...lines]);
  // A filter stays in force until the next one: without the last line, ours would reach into what follows.
  return [BLOCK_START, ...body, "[all]", BLOCK_END];
};

/** Takes every block of ours out; a start without an end loses its marker only. Says where the first block was. */
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
