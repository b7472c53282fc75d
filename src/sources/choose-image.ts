// Finds the image file that `flash` and `verify` are about, and what its manifest says of it.
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { ifOneOf } from "../report/expected-failure.ts";
import { UserError } from "../report/user-error.ts";
import { listIfThere, readIfThere } from "../system/read-if-there.ts";

/** The endings of images in the out folder, in the order in which a node's image is looked for. */
const IMAGE_ENDINGS = [".img", ".img.xz", ".img.zst"] as const;

/** What the manifest beside an image of ours says; images from elsewhere have none. */
const manifestSchema = z.object({
  node: z.object({ name: z.string(), cardSerial: z.string().nullable() }),
  seed: z.object({
    instanceId: z.string(),
    /** Images of earlier versions have none. */
    withoutPasswords: z.string().optional(),
  }),
  /** On the card of a control plane that begins with a state that was kept. */
  restore: z.object({ otherwise: z.string() }).optional(),
  base: z.object({
    name: z.string(),
    sha256: z.string(),
    origin: z.enum(["file", "download", "sample"]),
    path: z.string().optional(),
  }),
  /** On cards that carry one. */
  bundle: z.object({ sha256: z.string() }).optional(),
  image: z.object({ file: z.string() }).nullable(),
});

export type ImageManifest = z.infer<typeof manifestSchema>;

const nodeOf = (file: string): string | undefined => {
  const ending = IMAGE_ENDINGS.find((candidate) => file.endsWith(candidate));
  return ending === undefined ? undefined : file.slice(0, -ending.length);
};

/** The image of this node in the out folder, or undefined. */
export const imageOfNode = async (
  out: string,
  node: string,
): Promise<string | undefined> => {
  const files = await listIfThere(out);
  const ending = IMAGE_ENDINGS.find((candidate) =>
    files.includes(`${node}${candidate}`),
  );
  return ending === undefined ? undefined : join(out, `${node}${ending}`);
};

/** The only image in the out folder; throws IMAGE_NOT_CHOSEN when there is none or more than one. */
export const onlyImage = async (out: string): Promise<string> => {
  const files = await listIfThere(out);
  const nodes = [
    ...new Set(
      files
        .filter((file) => !file.startsWith("."))
        .map(nodeOf)
        .filter((node) => node !== undefined),
    ),
  ].toSorted();
  const [node] = nodes;
  if (node === undefined) {
    throw new UserError("IMAGE_NOT_CHOSEN", `there is no image in ${out}/`, {
      state: "nothing was written",
      hint: "run `pi-image build` first, or name an image file after the target",
    });
  }
  if (nodes.length > 1) {
    throw new UserError(
      "IMAGE_NOT_CHOSEN",
      `there are ${nodes.length} images in ${out}/: ${nodes.join(", ")}`,
      {
        state: "nothing was written",
        hint: `say which: --host ${node}, or name the image file after the target`,
      },
    );
  }
  return (await imageOfNode(out, node)) ?? join(out, `${node}.img`);
};

/** Without the manifest nothing says which node the image is for and whether a Pi can boot it, so the loss must be reported. */
const manifestDamaged = (path: string, image: string, cause: unknown) =>
  new UserError(
    "IMAGE_MANIFEST_DAMAGED",
    `${path} is not a manifest that this version of pi-image can read`,
    {
      facts: ["it says which card the image is for, and what it was made from"],
      state: "nothing was written",
      hint: `build the image again; to use ${image} without these checks, move the manifest away`,
      cause,
    },
  );

/**
 * The manifest that `build` wrote beside this image; undefined where it is missing or about another file. Throws
 * IMAGE_MANIFEST_DAMAGED, and FILE_UNUSABLE where it cannot be read.
 */
export const manifestOf = async (
  image: string,
): Promise<ImageManifest | undefined> => {
  const node = nodeOf(basename(image));
  if (node === undefined) {
    return undefined;
  }
  const path = join(dirname(image), `${node}.manifest.json`);
  const data = await readIfThere(path);
  if (data === undefined) {
    return undefined;
  }
  try {
    const manifest = manifestSchema.parse(JSON.parse(data.toString("utf8")));
    return manifest.image?.file === basename(image) ? manifest : undefined;
  } catch (error) {
    throw ifOneOf(
      error,
      [SyntaxError, z.ZodError],
      manifestDamaged(path, image, error),
    );
  }
};
