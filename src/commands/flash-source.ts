// Finds what a flash writes: the named image, the node's image, or the only image in the out folder.
import { UserError } from "../report/user-error.ts";
import { onlyImage } from "./choose-image.ts";
import type { Context } from "./context.ts";
import { type FlashSource, openImageFile } from "./image-source.ts";
import { openNodeSource } from "./node-source.ts";

type SourceArguments = {
  readonly image: string | undefined;
  readonly hosts: readonly string[];
  readonly inventory: string;
  readonly base: string | undefined;
  readonly sha256: string | undefined;
  readonly out: string;
  readonly wipe: boolean;
};

/** Finds and opens what the arguments mean; nothing is written. */
export const openFlashSource = async (
  context: Context,
  args: SourceArguments,
): Promise<FlashSource> => {
  const [host, another] = args.hosts;
  if (another !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "one target takes the image of one node",
      {
        state: "nothing was written",
        hint: `give one --host, such as --host ${host}`,
      },
    );
  }
  if (args.image !== undefined) {
    return openImageFile(context, args.image, args);
  }
  if (host === undefined) {
    return openImageFile(context, await onlyImage(args.out), args);
  }
  return openNodeSource(context, { ...args, host });
};
