// Finds what a flash writes to each target: the named image, the nodes' images, or the only image in the out folder.
import { normaliseRanges } from "../image/range.ts";
import { onlyImage } from "./choose-image.ts";
import type { Context } from "./context.ts";
import type { FlashTargets } from "./flash-targets.ts";
import { type FlashSource, openImageFile } from "./image-source.ts";

type SourceArguments = {
  readonly inventory: string;
  readonly base: string | undefined;
  readonly sha256: string | undefined;
  /** Take a base without a checksum. */
  readonly insecure: boolean;
  readonly out: string;
  readonly wipe: boolean;
};

export type Assignment = {
  /** TARGET as the user wrote it. */
  readonly path: string;
  readonly source: FlashSource;
};

export type Assignments = {
  readonly assignments: readonly Assignment[];
  readonly close: () => Promise<void>;
};

/** What is decoded together is written together: the ranges of every node that shares the base. */
const withSharedRanges = (
  sources: readonly FlashSource[],
): readonly FlashSource[] =>
  sources.map((source) => {
    const sharing = sources.filter(({ reader }) => reader === source.reader);
    return sharing.length === 1
      ? source
      : {
          ...source,
          ranges: normaliseRanges(sharing.flatMap(({ ranges }) => ranges)),
        };
  });

/** Finds and opens what the arguments mean; nothing is written. A plain image does not load what nodes need. */
export const openAssignments = async (
  context: Context,
  targets: FlashTargets,
  args: SourceArguments,
): Promise<Assignments> => {
  if (targets.kind === "one" && targets.host === undefined) {
    const { path, image } = targets;
    const source = await openImageFile(
      context,
      image ?? (await onlyImage(args.out)),
      args,
    );
    return { assignments: [{ path, source }], close: source.close };
  }
  if (targets.kind === "one" && targets.image !== undefined) {
    const { path, image, host = "" } = targets;
    const { openRoleImage } = await import("./role-image-source.ts");
    const { source, close } = await openRoleImage(context, {
      ...args,
      image,
      host,
    });
    return { assignments: [{ path, source }], close };
  }
  const pairs =
    targets.kind === "nodes"
      ? targets.pairs
      : [{ host: targets.host ?? "", path: targets.path }];
  const { openNodeSources } = await import("./node-source.ts");
  const { sources, close } = await openNodeSources(context, {
    ...args,
    hosts: pairs.map(({ host }) => host),
  });
  const shared = withSharedRanges(sources);
  return {
    assignments: pairs.flatMap(({ path }, index) => {
      const source = shared[index];
      return source === undefined ? [] : [{ path, source }];
    }),
    close,
  };
};
