// Finds what a flash writes to each target: the named image, the nodes' images, or the only image in the out folder.
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { lockPath } from "../../project/lock-file.ts";
import { demandUnasked } from "../../base/proof/signed-by.ts";
import type { SourceFile } from "../../device/run-sources.ts";
import { orAbsent } from "../../device/or-absent.ts";
import { normaliseRanges } from "../../image/range.ts";
import { SECRETS_ENDING } from "../../kubernetes/secrets/load-cluster-secrets.ts";
import { onlyImage } from "../../sources/choose-image.ts";
import { UserError } from "../../report/user-error.ts";
import type { Context } from "../../terminal/context.ts";
import type { SourceOptions } from "./flash-options.ts";
import { fitSource } from "../../sources/fit-source.ts";
import type { FlashTargets } from "./flash-targets.ts";
import type { FlashSource } from "../../sources/image-source.ts";
import { openNamedImage } from "../../sources/named-image.ts";
import { IMAGE_TO_WRITE, imageFiles } from "../source-files.ts";

/** Standard input may be a file or a disk, which must not be overwritten either. */
const STDIN = "/dev/stdin";

/** The files that the command line itself names and that the run reads or keeps. */
export const namedSources = async (
  targets: FlashTargets,
  { base, inventory, out }: SourceOptions,
): Promise<readonly SourceFile[]> => {
  const image = targets.kind === "one" ? targets.image : undefined;
  const project = dirname(inventory);
  const secrets = ((await orAbsent(readdir(project))) ?? []).filter((name) =>
    name.endsWith(SECRETS_ENDING),
  );
  return [
    ...(image === "-" ? [{ path: STDIN, what: IMAGE_TO_WRITE }] : []),
    ...(image === undefined ? [] : imageFiles(image, IMAGE_TO_WRITE)),
    ...(base === undefined ? [] : imageFiles(base, "the base image")),
    // Protected even where the run does not read them: nobody wants an image to overwrite them.
    { path: inventory, what: "the inventory" },
    {
      path: lockPath(project, inventory),
      what: "the lockfile of the base images",
    },
    ...secrets.map((name) => ({
      path: join(project, name),
      what: "a file with the secrets of a cluster",
    })),
    ...["profiles", "cloud-init"].map((name) => ({
      path: join(project, name),
      what: `the project's folder ${name}`,
    })),
    { path: join(out, "receipts"), what: "the folder of the receipts" },
    { path: out, what: "the folder of the results" },
  ];
};

export type OpenSources = {
  /** Everything that the run reads or keeps. */
  readonly files: readonly SourceFile[];
  /** In the order of the targets. */
  readonly sources: readonly FlashSource[];
  /** Where the nodes' secrets are or would be kept; undefined for an image that is flashed as it is. */
  readonly secretsFile: string | undefined;
  /**
   * Writes what the nodes need into the project's folder: the cluster's secrets and the lockfile. Returns the sources again,
   * because their contents are different where another run has made the cluster meanwhile.
   */
  readonly keep: () => Promise<readonly FlashSource[]>;
  readonly close: () => Promise<void>;
};

/** Nodes that share a base share one decoding of it, so each is written with the ranges of all of them. */
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

/**
 * Finds and opens what the arguments mean; nothing is written. For a ready-made image, nothing is loaded that only nodes
 * need.
 * @param room size in bytes of the only target, if it cannot grow
 */
export const openSources = async (
  context: Context,
  targets: FlashTargets,
  args: SourceOptions,
  room?: number,
): Promise<OpenSources> => {
  if (
    args.restore !== undefined &&
    targets.kind === "one" &&
    (targets.host === undefined || targets.image !== undefined)
  ) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "--restore is for the card of a node that is made from the inventory",
      {
        hint: `name the node, and no image: --host NAME --restore ${args.restore}`,
        state: "nothing was written",
      },
    );
  }
  if (targets.kind === "one" && targets.host === undefined) {
    const image = targets.image ?? (await onlyImage(args.out));
    const opened = await openNamedImage(context, image, args);
    if (!opened.proven) {
      context.report({
        type: "notice",
        subject: opened.label,
        message:
          "no checksum was given or found beside it, so only the card is compared with it, as it is",
      });
    }
    const source = args.wipe
      ? opened
      : await fitSource(opened, room, context).catch(async (error: unknown) => {
          await opened.close();
          throw error;
        });
    const sources = [source];
    return {
      sources,
      secretsFile: undefined,
      files: [
        ...imageFiles(image, IMAGE_TO_WRITE),
        // The copy of an image that came from a pipe or an address.
        ...source.files.map((path) => ({ path, what: IMAGE_TO_WRITE })),
      ],
      keep: async () => sources,
      close: source.close,
    };
  }
  if (targets.kind === "one" && targets.image !== undefined) {
    const { image, host = "" } = targets;
    const { openRoleImage } = await import("./role-image-source.ts");
    return openRoleImage(context, { ...args, image, host });
  }
  if (args.base === undefined) {
    demandUnasked(
      args.signedBy,
      (named) =>
        `${named} is for an image that somebody published, and none is given`,
      "name the image file or its address, as IMAGE or with --base",
    );
  }
  const hosts =
    targets.kind === "nodes"
      ? targets.pairs.map(({ host }) => host)
      : [targets.host ?? ""];
  const { openNodeSources } = await import("./node-source.ts");
  const opened = await openNodeSources(context, { ...args, hosts });
  return {
    sources: withSharedRanges(opened.sources),
    secretsFile: opened.secretsFile,
    files: opened.files,
    keep: async () => withSharedRanges(await opened.keep()),
    close: opened.close,
  };
};
