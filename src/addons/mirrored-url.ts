// Where a manifest is fetched from: its own host, or the user's mirror of it.

/**
 * The address with the mirror in place of scheme and host. An address that lies on the mirror already stays as it is.
 *
 * @param mirror base address without a slash at its end
 */
export const mirroredUrl = (url: string, mirror: string | undefined): URL =>
  mirror === undefined || url.startsWith(`${mirror}/`)
    ? new URL(url)
    : new URL(`${mirror}${new URL(url).pathname}`);
