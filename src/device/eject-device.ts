// Hands a card over to be pulled out.
import { platform } from "node:process";
import { UserError } from "../report/user-error.ts";
import { runTool } from "../system/run-tool.ts";

/**
 * Asks the device to let its medium go; the partitions that a desktop has mounted meanwhile are unmounted first.
 * @returns why it could not be done; undefined when it was
 */
export const ejectDevice = async (
  path: string,
): Promise<string | undefined> => {
  try {
    await (platform === "darwin"
      ? runTool("diskutil", ["eject", path])
      : runTool("eject", [path], { package: "eject", asRoot: true }));
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    const [fact] = error.facts.slice(-1);
    return [error.message, fact ?? error.hint].filter(Boolean).join(": ");
  }
};
