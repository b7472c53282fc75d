// Keeps Node from ending the process over a promise whose failure is handled elsewhere.

/** For a promise that is awaited later or, after another failure, never; `failed` hears of its failure. */
export const awaitedLater = (
  promise: Promise<unknown>,
  failed?: (error: unknown) => void,
): void => {
  promise.then(undefined, (error: unknown) => failed?.(error));
};
