// Who calls sudo in the tests, and whether they may run the program that is tested.
import { spawnSync } from "node:child_process";
import { inject } from "vitest";

/** On a build machine the person behind its sudo, elsewhere nobody. */
export const CALLER = Number(process.env["SUDO_UID"] ?? 65_534);

/** Where the sources lie in somebody's closed home, no other user can run them. */
export const skipIfUnreadable = (skip: (why: string) => void): void => {
  const { status } = spawnSync("setpriv", [
    `--reuid=${CALLER}`,
    `--regid=${CALLER}`,
    "--clear-groups",
    process.execPath,
    inject("cli"),
    "--version",
  ]);
  if (status !== 0) {
    skip("the user who would run it cannot read this folder");
  }
};
