// Keeps a second pi-image away from a target file while the first one writes it.
import { once } from "node:events";
import { createServer } from "node:net";
import { platform } from "node:process";
import { UserError } from "../report/user-error.ts";
import { errnoCode } from "./errno.ts";

/**
 * Holds the file until the returned function is called or the process ends in any way. Node has no flock(2), and a
 * lock file outlives a killed process; a name in Linux's abstract socket namespace (unix(7)) does neither. Other
 * systems have no such names: there two runs on one file are not told apart.
 * @param identity device and inode of the file
 * @throws UserError TARGET_IN_USE
 */
export const lockTargetFile = async (
  path: string,
  identity: string,
): Promise<() => Promise<void>> => {
  if (platform !== "linux") {
    return async () => undefined;
  }
  const server = createServer();
  server.unref();
  try {
    server.listen({ path: `\0pi-image/target/${identity}` });
    await once(server, "listening");
  } catch (error) {
    if (errnoCode(error) !== "EADDRINUSE") {
      throw error;
    }
    throw new UserError(
      "TARGET_IN_USE",
      `another pi-image is writing to ${path}`,
      {
        cause: error,
        state: "this run wrote nothing",
        hint: "wait for it, or choose another target",
      },
    );
  }
  return async () => {
    server.close();
    await once(server, "close");
  };
};
