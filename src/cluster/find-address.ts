// Finds the address behind a node's name: the name may be an address already, or is looked up by the system's resolver or
// multicast DNS.
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { ifOneOf } from "../report/expected-failure.ts";
import { askMulticast } from "./ask-multicast.ts";

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

const askSystem = async (host: string): Promise<string | undefined> => {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch (error) {
    return ifOneOf(error, NOT_RESOLVED, undefined);
  }
};

/** Of two questions asked at the same time, the first answer that is an address. */
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
  // Not every computer can resolve .local (RFC 6762), and one that cannot may take seconds to say so.
  return host.endsWith(".local")
    ? either(askMulticast(host), askSystem(host))
    : askSystem(host);
};
