// Chance that can be repeated: the seed is in the message of a failed run.
import { createHash } from "node:crypto";

export type Random = {
  readonly seed: string;
  /** A whole number from 0 to below the limit. */
  readonly below: (limit: number) => number;
};

/** Seeded by PI_IMAGE_BOOT_SEED, else by the clock. */
export const makeRandom = (): Random => {
  const seed = process.env["PI_IMAGE_BOOT_SEED"] ?? String(Date.now());
  let drawn = 0;
  return {
    seed,
    below: (limit) => {
      drawn += 1;
      const digest = createHash("sha256").update(`${seed} ${drawn}`).digest();
      return digest.readUInt32BE(0) % limit;
    },
  };
};
