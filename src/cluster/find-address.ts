// Finds the address behind a node's name: the name may be an address already, or is looked up by the system's resolver or
// multicast DNS.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Family } from "../inventory/rules/ip.ts";
import { ifOneOf } from "../report/expected-failure.ts";
import type { ResolvedNode, ResolvedProject } from "../inventory/resolved.ts";
import { familiesOf, laptopHost } from "../kubernetes/addresses.ts";
import { askMulticast, isOfLink } from "./ask-multicast.ts";

/** https://nodejs.org/api/dns.html#error-codes and getaddrinfo(3) */
const NOT_RESOLVED = [
  "ENOTFOUND",
  "ENODATA",
  "ESERVFAIL",
  "ETIMEOUT",
  "EAI_ADDRFAMILY",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
  "EAI_SYSTEM",
];

/** An address of the link alone would need its interface beside it. */
const askSystem = async (
  host: string,
  families: readonly Family[],
): Promise<string | undefined> => {
  for (const family of families) {
    try {
      const found = await lookup(host, { family, all: true });
      const usable = found.find(({ address }) => !isOfLink(address));
      if (usable !== undefined) {
        return usable.address;
      }
    } catch (error) {
      ifOneOf(error, NOT_RESOLVED, undefined);
    }
  }
  return undefined;
};

/** Of two questions asked at the same time, the first answer that is an address. */
const either = async (
  one: Promise<string | undefined>,
  other: Promise<string | undefined>,
): Promise<string | undefined> =>
  (await Promise.race([one, other])) ?? (await one) ?? (await other);

/**
 * The address of a host, or undefined when nobody knows it now.
 *
 * @param host a name, or an address, in brackets or not
 * @param families those that the cluster has, the main one first
 */
export const findAddress = (
  host: string,
  families: readonly Family[],
): Promise<string | undefined> => {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) {
    return Promise.resolve(bare);
  }
  // Not every computer can resolve .local (RFC 6762), and one that cannot may take seconds to say so.
  return host.endsWith(".local")
    ? either(askMulticast(host, families), askSystem(host, families))
    : askSystem(host, families);
};

/** The same of a node, by how the laptop calls it. */
export const findNode = (
  project: ResolvedProject,
  node: ResolvedNode,
): Promise<string | undefined> =>
  findAddress(laptopHost(node), familiesOf(project));
