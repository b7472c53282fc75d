// Why an image cannot be carried, for the person who wants it on a card.
import type { NetworkFailure } from "../../network/network-failure.ts";
import { UserError } from "../../report/user-error.ts";

const KEPT = "no bundle was made; what was fetched already is kept";

/** An image that no node of ours could start, however often it were fetched. */
export const cannotCarry = (
  name: string,
  why: string,
  hint = "take another image, or another version of it",
): UserError =>
  new UserError("BUNDLE_INCOMPLETE", `the image ${name} ${why}`, {
    state: KEPT,
    hint,
  });

/** An image that the network does not give. */
export const imageFailure = (
  name: string,
  failure: NetworkFailure,
): UserError =>
  failure.kind === "refused"
    ? new UserError(
        "BUNDLE_INCOMPLETE",
        `the image ${name} cannot be had: ${failure.message}`,
        {
          state: KEPT,
          hint: "check the image's name and version; a registry that wants a login can be replaced by a mirror without one, under `mirrors: {registries: ...}` in the inventory",
          cause: failure,
        },
      )
    : new UserError(
        "DOWNLOAD_FAILED",
        `the image ${name} cannot be downloaded: ${failure.message}`,
        {
          state: "no bundle was made; the next run goes on from here",
          hint: "connect to the network (http_proxy and https_proxy are honoured) and run the command again, or name a mirror under `mirrors: {registries: ...}` in the inventory",
          cause: failure,
        },
      );
