// Compares the image's file with its checksums while the flash runs, and says when they do not match.
import { cancelled } from "../report/cancelled.ts";

export type ImageProof = {
  /** Rejects when the image is not what its publisher describes. */
  readonly proven: Promise<void>;
  /** Throws when the image was refused already, so that it need not be written to the end. */
  readonly throwIfRefused: () => void;
  /** Ends the comparison, proven or not. */
  readonly stop: () => Promise<void>;
};

export const startProof = (
  prove: ((signal: AbortSignal) => Promise<void>) | undefined,
  signal: AbortSignal | undefined,
): ImageProof => {
  const stopped = new AbortController();
  const ends = [stopped.signal, ...(signal === undefined ? [] : [signal])];
  let refusal: { readonly error: unknown } | undefined;
  const proven = prove?.(AbortSignal.any(ends)) ?? Promise.resolve();
  const ended = proven.catch((error: unknown) => {
    refusal = { error };
  });
  return {
    proven,
    throwIfRefused: () => {
      if (refusal !== undefined) {
        throw refusal.error;
      }
    },
    stop: async () => {
      stopped.abort(cancelled());
      await ended;
    },
  };
};
