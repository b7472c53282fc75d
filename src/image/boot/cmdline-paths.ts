// Finds which files of the boot partition hold the kernel's command line, the way the firmware does.
// https://www.raspberrypi.com/documentation/computers/config_txt.html (os_prefix, cmdline, conditional filters)

type Assignment = {
  readonly key: string;
  readonly value: string;
  /** The filters in force, without [tryboot]; "" for all boards. */
  readonly filters: string;
  readonly tryboot: boolean;
};

const DEFAULT_NAME = "cmdline.txt";

const contentLines = (text: string): string[] =>
  text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/**
 * The text with each included file inserted, once, where it is included; older Ubuntu images keep settings in syscfg.txt.
 */
export const expandIncludes = (
  text: string,
  read: (path: string) => string | undefined,
): string => {
  const seen = new Set<string>();
  const expand = (part: string): string[] =>
    contentLines(part).flatMap((line) => {
      const path = /^include\s+(\S.*)$/.exec(line)?.[1];
      if (path === undefined) {
        return [line];
      }
      if (seen.has(path)) {
        return [];
      }
      seen.add(path);
      return expand(read(path) ?? "");
    });
  return expand(text).join("\n");
};

/** Filters of one kind replace each other, those of different kinds add up, and [all] ends them. */
const filterKind = (filter: string): string => {
  if (/^(pi|cm|board-type=)/.test(filter)) {
    return "model";
  }
  return /^[a-z]+/.exec(filter.toLowerCase())?.[0] ?? "serial";
};

const readAssignments = (text: string): Assignment[] => {
  const assignments: Assignment[] = [];
  const filters = new Map<string, string>();
  for (const line of contentLines(text)) {
    const filter = /^\[(.*)\]$/.exec(line)?.[1]?.trim();
    if (filter === "all") {
      filters.clear();
    } else if (filter !== undefined) {
      filters.set(filterKind(filter), filter);
    }
    const [, key = "", value = ""] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    const ours = key === "os_prefix" || key === "cmdline";
    if (filter === undefined && ours && !filters.has("none")) {
      const others = [...filters].filter(([kind]) => kind !== "tryboot");
      assignments.push({
        key,
        value,
        filters: others
          .map(([, name]) => name)
          .toSorted()
          .join(" "),
        tryboot: filters.has("tryboot"),
      });
    }
  }
  return assignments;
};

/**
 * Paths of the command lines that any board may boot with, the one of an ordinary boot on all boards first: `cmdline.txt`,
 * or `current/cmdline.txt` and `new/cmdline.txt` with the A/B layout of Ubuntu 25.10 and later. Only paths that exist.
 */
export const effectiveCmdlinePaths = (
  configTxt: string,
  exists: (path: string) => boolean,
): readonly string[] => {
  const assignments = readAssignments(configTxt);
  const boards = new Set(["", ...assignments.map((one) => one.filters)]);
  const paths: string[] = [];
  for (const tryboot of [false, true]) {
    for (const board of boards) {
      const last = (key: string): string | undefined =>
        assignments.findLast(
          (one) =>
            one.key === key &&
            (one.filters === "" || one.filters === board) &&
            (tryboot || !one.tryboot),
        )?.value;
      const name = last("cmdline") || DEFAULT_NAME;
      const path = `${last("os_prefix") ?? ""}${name}`.replace(/^\/+/, "");
      // The firmware ignores a prefix under which it finds no kernel.
      paths.push(exists(path) ? path : name);
    }
  }
  return [...new Set(paths)].filter(exists);
};
