// The options of pi-image flash, as the command line gives them.
import { z } from "zod";
import type { SignedBy } from "../../base/proof/signed-by.ts";
import { STALL_LIMITS } from "../../flash/stall-watch.ts";
import { parseDuration } from "../../terminal/duration.ts";

export const flashOptions = z.object({
  inventory: z.string(),
  host: z.array(z.string()).default([]),
  base: z.string().optional(),
  sha256: z.string().optional(),
  signedBy: z.string().optional(),
  insecure: z.boolean().default(false),
  out: z.string(),
  yes: z.boolean().default(false),
  serial: z.array(z.string()).default([]),
  allowFixed: z.boolean().default(false),
  maxSize: z.number(),
  wipe: z.boolean().default(false),
  patience: z
    .string()
    .transform((text) => parseDuration(text, "--patience"))
    .default(STALL_LIMITS.giveUp),
  eject: z.boolean().default(false),
  restore: z.string().optional(),
  bundle: z.string().optional(),
  allowExec: z.boolean().default(false),
  dryRun: z.boolean().default(false),
});

/** Here `signedBy` says which keys may sign, from --signed-by or from the inventory. */
export type FlashOptions = Omit<z.infer<typeof flashOptions>, "signedBy"> & {
  readonly signedBy: SignedBy | undefined;
};

/** What decides where the bytes come from. */
export type SourceOptions = Readonly<
  Pick<
    FlashOptions,
    | "inventory"
    | "base"
    | "sha256"
    | "signedBy"
    | "insecure"
    | "out"
    | "wipe"
    | "restore"
    | "bundle"
    | "allowExec"
    | "dryRun"
  >
>;
