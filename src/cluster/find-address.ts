// Finds the address behind a node's name: as it stands, by the system's resolver, or by multicast DNS.
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { askMulticast } from "./ask-multicast.ts";

const askSystem = async (host: string): Promise<string | undefined> => {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return undefined;
  }
};

/** The first of two answers that is one; they are asked for at the same time. */
const either = async (
  one: Promise<string | undefined>,
  other: Promise<string | undefined>,
): Promise<string | undefined> =>
  (await Promise.race([one, other])) ?? (await one) ?? (await other);

/** The IPv4 address of a host, or undefined when nobody knows it now. */
export const findAddress = (host: string): Promise<string | undefined> => {
  if (isIPv4(host)) {
    return Promise.resolve(host);
  }
  // Not every computer has a resolver for .local (RFC 6762); one without it may take seconds to say so.
  return host.endsWith(".local")
    ? either(askMulticast(host), askSystem(host))
    : askSystem(host);
};
