// Process groups that tests start: a kill is over when nobody of the group lives any more.
import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds; a process in the middle of a write to a slow disk takes its time to die. */
const DEATH_MS = 60_000;

/** Whether anybody is left of the group, living or not: one question where `living` asks every process of the machine. */
const isThere = (group: number): boolean => {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") {
      return false;
    }
    throw error;
  }
};

/** Living members, as "pid command"; a process that only its parent has to notice holds nothing. */
const living = (group: number): readonly string[] =>
  (isThere(group) ? readdirSync("/proc") : [])
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, , of] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return Number(of) === group && !/[ZX]/.test(state ?? "")
          ? [
              `${pid} ${stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))}`,
            ]
          : [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });

const pause = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

/** Waits until the group has no living process; an error names those that stay. */
export const awaitGroup = (group: number): void => {
  const started = performance.now();
  for (let left = living(group); left.length > 0; left = living(group)) {
    if (performance.now() - started > DEATH_MS) {
      throw new Error(`these processes do not end: ${left.join(", ")}`);
    }
    pause(5);
  }
};

/** Kills what is left of the group, and waits for it. */
export const endGroup = (group: number): void => {
  if (living(group).length > 0) {
    process.kill(-group, "SIGKILL");
    awaitGroup(group);
  }
};
