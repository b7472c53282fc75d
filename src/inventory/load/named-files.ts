// Which files an inventory names, wherever in it they stand.
import { absolutePath, type PathOrigins } from "./paths.ts";
import { isBaseFile } from "../rules/system-rules.ts";

/** Keys whose value is a path, or may be one. */
const PATHS: Readonly<Record<string, (value: string) => boolean>> = {
  base: isBaseFile,
  eepromImage: () => true,
};

/** Absolute paths of all references `file:path`, and of bases that are files. */
export const namedFiles = (
  part: unknown,
  places: PathOrigins,
  key = "",
): readonly string[] => {
  if (typeof part === "string") {
    const path = part.startsWith("file:")
      ? part.slice("file:".length)
      : PATHS[key]?.(part) === true
        ? part
        : undefined;
    return path === undefined ? [] : [absolutePath(path, places)];
  }
  return typeof part === "object" && part !== null
    ? Object.entries(part).flatMap(([name, value]) =>
        namedFiles(value, places, Array.isArray(part) ? key : name),
      )
    : [];
};
