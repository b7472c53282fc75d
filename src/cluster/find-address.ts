// Finds the address behind a node's name: as it stands, by DNS, or by multicast DNS on the local network.
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import makeMulticastDns from "multicast-dns";

/** RFC 6762: answers come within a second; asking twice survives one lost packet. */
const MDNS_WAIT_MS = 1500;

const askMulticast = (name: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const mdns = makeMulticastDns({ reuseAddr: true });
    const finish = (address: string | undefined): void => {
      clearTimeout(timer);
      mdns.destroy(() => resolve(address));
    };
    const ask = (): void => {
      mdns.query([{ name, type: "A" }]);
    };
    const timer = setTimeout(() => finish(undefined), MDNS_WAIT_MS);
    // A laptop without network cannot ask; it finds nothing.
    mdns.on("error", () => finish(undefined));
    mdns.on("response", ({ answers }) => {
      for (const answer of answers ?? []) {
        if (
          answer.type === "A" &&
          answer.name.toLowerCase() === name.toLowerCase()
        ) {
          finish(answer.data);
          return;
        }
      }
    });
    mdns.on("ready", ask);
    setTimeout(ask, MDNS_WAIT_MS / 2).unref();
  });

/** The IPv4 address of a host, or undefined when nobody knows it now. */
export const findAddress = async (
  host: string,
): Promise<string | undefined> => {
  if (isIPv4(host)) {
    return host;
  }
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    return host.endsWith(".local") ? await askMulticast(host) : undefined;
  }
};
