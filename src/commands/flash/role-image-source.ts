// A role image that becomes a node's image while it is flashed; the card is the same as one made from the node's own base.
import { readNodeMarker, readRoleMarker } from "../../build/marker.ts";
import type { PreparedBase } from "../../image/node-patch.ts";
import type { ResolvedNode } from "../../inventory/resolved.ts";
import { UserError } from "../../report/user-error.ts";
import { manifestOf } from "../../sources/choose-image.ts";
import type { Context } from "../../terminal/context.ts";
import type { SourceOptions } from "./flash-options.ts";
import { openImageFile } from "../../sources/image-source.ts";
import { IMAGE_TO_WRITE, imageFiles } from "../source-files.ts";
import { type NodeSources, openNodeSources } from "./node-source.ts";

type RoleImageArguments = SourceOptions & {
  readonly image: string;
  readonly host: string;
};

const state = "nothing was written";

const notARoleImage = async (
  image: string,
  base: PreparedBase,
  node: ResolvedNode,
): Promise<UserError> => {
  const owner = await readNodeMarker(base);
  return new UserError(
    "ROLE_IMAGE_WRONG",
    owner === undefined
      ? `${image} is not a role image of \`pi-image release\``
      : `${image} is the image of ${owner}, not a role image`,
    {
      state,
      hint: `leave out --host to flash it as it is, or give it with --base to make ${node.name} from it`,
    },
  );
};

/** Throws ROLE_IMAGE_WRONG unless the image was made for the node's role. */
const demandRole = async (
  image: string,
  base: PreparedBase,
  node: ResolvedNode,
): Promise<void> => {
  const marker = await readRoleMarker(base);
  if (marker === undefined) {
    throw await notARoleImage(image, base, node);
  }
  if (marker.role !== node.role) {
    throw new UserError(
      "ROLE_IMAGE_WRONG",
      `${image} is a role image for the role ${marker.role}, and ${node.name} is a ${node.role}`,
      { state, hint: `take the role image for the role ${node.role}` },
    );
  }
};

/**
 * For `--host` with an image file: a role image is given this node's identity, and the node's own image is flashed as it is.
 */
export const openRoleImage = async (
  context: Context,
  args: RoleImageArguments,
): Promise<NodeSources> => {
  const { image, host } = args;
  if (args.base !== undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "an image file and --base are two bases for one node",
      { state, hint: "give one of the two" },
    );
  }
  const manifest = await manifestOf(image);
  if (manifest?.node.name === host) {
    const source = await openImageFile(context, image, args);
    const sources = [source];
    return {
      sources,
      secretsFile: undefined,
      files: imageFiles(image, IMAGE_TO_WRITE),
      keep: async () => sources,
      close: source.close,
    };
  }
  return openNodeSources(context, {
    ...args,
    hosts: [host],
    base: image,
    accept: (base, node) => demandRole(image, base, node),
  });
};
