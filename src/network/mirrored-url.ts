// Where a file is fetched from: its own host, or the user's mirrors of it.

/**
 * The address with the mirror in place of scheme and host. An address that is already on the mirror stays as it is.
 *
 * @param mirror base address without a slash at its end
 */
export const mirroredUrl = (url: string, mirror: string | undefined): URL =>
  mirror === undefined || url.startsWith(`${mirror}/`)
    ? new URL(url)
    : new URL(`${mirror}${new URL(url).pathname}`);

/** The same address on each mirror, in their order, and then its own. */
export const withMirrors = (
  url: URL,
  mirrors: readonly string[],
): readonly URL[] => {
  const urls = mirrors.map((mirror) => mirroredUrl(url.href, mirror));
  return [...new Map([...urls, url].map((each) => [each.href, each])).values()];
};
