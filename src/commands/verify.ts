// pi-image verify: reads a card back against an image, or against the receipt of its last flash.
import { join } from "node:path";
import { z } from "zod";
import { inspectTarget } from "../device/look/inspect-target.ts";
import { listDevices } from "../device/helper/device-work.ts";
import { openForReading } from "../device/open/open-for-reading.ts";
import { refusalError } from "../device/refusal-error.ts";
import type { UsableTarget } from "../device/target.ts";
import { startProof } from "../flash/image-proof.ts";
import type { MapSource } from "../flash/plan-flash.ts";
import { lastReceipt } from "../flash/receipt-store.ts";
import {
  verificationError,
  verifyAgainstImage,
  verifyAgainstReceipt,
} from "../flash/verify-card.ts";
import { formatBytes } from "../report/amounts.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "../terminal/context.ts";
import { fitSource } from "../sources/fit-source.ts";
import { openNamedImage } from "../sources/named-image.ts";
import { showImages } from "./show-images.ts";
import { loadSigners } from "./signers.ts";

const verifyOptions = z.object({
  inventory: z.string(),
  out: z.string(),
  signedBy: z.string().optional(),
});

/** How much of the image the card was promised to hold; only that part is compared. */
const EXTENT: Readonly<Record<MapSource, string>> = {
  "whole image": "every byte of the image",
  "bmap file": "what its block map lists",
  "file systems": "what its file systems use",
};

const usable = async (path: string): Promise<UsableTarget> => {
  const target = await inspectTarget(path, listDevices);
  if (target.kind === "unusable") {
    throw refusalError(target);
  }
  return target;
};

export const verify = async (
  context: Context,
  args: readonly (string | undefined)[],
  given: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const options = verifyOptions.parse(given);
  const { out } = options;
  const [path = "", image] = args;
  if (options.signedBy !== undefined && image === undefined) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      "--signed-by is for an image, and none is given",
      {
        hint: "name the image file or its address: pi-image verify TARGET IMAGE",
      },
    );
  }
  const signedBy =
    image === undefined ? undefined : await loadSigners(context, options);
  const target = await usable(path);
  const opened = await openForReading(target);
  const { report, signal } = context;
  const compare = async () => {
    if (image !== undefined) {
      // Needs no checksum: the card is compared with whatever the address gives.
      const named = await openNamedImage(context, image, {
        insecure: true,
        signedBy,
      });
      const source = await fitSource(named, opened.size, context).catch(
        async (error: unknown) => {
          await named.close();
          throw error;
        },
      );
      showImages(context, [source]);
      const proof = startProof(source.proveImage, signal);
      try {
        const found = await verifyAgainstImage(
          { target: opened, report, signal },
          source,
        );
        // A file that does not match its own checksum proves nothing about the card.
        await proof.proven;
        return { against: image, extent: source.mapSource, ...found };
      } finally {
        await proof.stop();
        await source.close();
      }
    }
    const folder = join(out, "receipts");
    const { receipt, unreadable } = await lastReceipt(folder, target);
    if (receipt === undefined) {
      throw new UserError(
        "RECEIPT_UNREADABLE",
        `${folder} has no receipt of ${path}`,
        {
          facts: unreadable.map(({ message }) => message),
          hint: "compare it with its image: pi-image verify TARGET IMAGE",
        },
      );
    }
    for (const { message } of unreadable) {
      report({
        type: "warning",
        message: `${message}; it may be of a later flash of ${path}`,
        hint: "where it is, compare the card with its image: pi-image verify TARGET IMAGE",
      });
    }
    return {
      against: `its receipt of ${receipt.time}`,
      extent: receipt.wipe ? "whole image" : receipt.map,
      ...(await verifyAgainstReceipt(
        { target: opened, report, signal },
        receipt,
      )),
    };
  };
  try {
    const { against, extent, bytes, differing } = await compare();
    context.printJson({
      type: "result",
      target: path,
      extent,
      bytes,
      differing,
    });
    if (differing.length > 0) {
      throw verificationError(path, differing);
    }
    context.print(
      `${path} matches ${against}: ${formatBytes(bytes)} compared${
        opened.readBack === "medium" ? ", read from the medium" : ""
      } (${EXTENT[extent]}).`,
    );
  } finally {
    await opened.close();
  }
};
