// When the terminal goes away: whether the run ends with it, and how it ends without one.
import { closeSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { ifOneOf, ifSystem } from "../../report/expected-failure.ts";

/** Those of stdin, stdout and stderr that were terminals at the start. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** SigIgn of proc_pid_status(5) is a mask in hexadecimal; SIGHUP is signal 1, its lowest bit. */
const parentIgnores = (): boolean => {
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, "utf8");
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
  } catch (error) {
    return ifSystem(error, false);
  }
};

/**
 * nohup(1) makes us ignore SIGHUP, and Node undoes that before any of our code runs (node.cc, "the parent process may have
 * been evil"). All that still shows of nohup is that no output is a terminal, so a run without a terminal does not end when
 * one goes away. `trap '' HUP` shows in the shell that starts us.
 */
export const outlivesTerminal = terminals.length === 0 || parentIgnores();

/**
 * Closes terminals that have gone: at its exit Node gives terminals their settings back, and aborts (status 134) where one is
 * gone, but passes over what is closed. Nothing can be printed afterwards.
 * @returns whether a terminal has gone
 */
export const leaveLostTerminals = (): boolean => {
  let lost = false;
  for (const fd of terminals) {
    try {
      if (!isatty(fd)) {
        closeSync(fd);
        lost = true;
      }
    } catch (error) {
      ifOneOf(error, ["EBADF"], undefined);
    }
  }
  return lost;
};
