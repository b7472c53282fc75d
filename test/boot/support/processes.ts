// Processes by their ids, never by name.
import { readFileSync } from "node:fs";

/** The first child of a process; undefined when it has none (any more). */
export const childOf = (pid: number): number | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    const first = parseInt(text.split(" ")[0] ?? "", 10);
    return Number.isNaN(first) ? undefined : first;
  } catch {
    return undefined;
  }
};
