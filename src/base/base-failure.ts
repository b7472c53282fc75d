// Tells the user why a base image cannot be had from the network.
import { UserError } from "../report/user-error.ts";
import type { NetworkFailure } from "../network/network-failure.ts";

/** `base` is the name as it is shown, without a password. */
export const baseFailure = (
  base: string,
  failure: NetworkFailure,
): UserError =>
  failure.kind === "unreachable"
    ? new UserError(
        "BASE_UNREACHABLE",
        `the base image ${base} is not in the cache, and ${failure.message}`,
        {
          state: "nothing was written",
          hint: "connect to the network (http_proxy and https_proxy are honoured), or give an image file with --base; `--base sample` is for trying things out",
          cause: failure,
        },
      )
    : new UserError(
        "DOWNLOAD_FAILED",
        `the base image ${base} cannot be downloaded: ${failure.message}`,
        {
          state: "no image was kept; the next run resumes the download",
          hint: "try again later, or download the image by other means and give the file with --base",
          cause: failure,
        },
      );
