// Asks the local network, by multicast DNS, for the address behind a name such as worker1.local.
import { networkInterfaces } from "node:os";
import type { Family } from "../inventory/rules/ip.ts";
import makeMulticastDns, { type MulticastDNS } from "multicast-dns";

/** RFC 6762 section 6: answers come within half a second, so there is time to ask twice in case one packet is lost. */
const WAIT_MS = 1500;
const ASK_AGAIN_MS = 600;

/** An address of the link alone, which needs its interface beside it. */
export const isOfLink = (address: string): boolean =>
  /^fe[89ab]/i.test(address);

/** One own address in each network: a question goes out on one network only, and the Pis may be on another. */
const ownAddresses = (): readonly string[] => {
  const ipv4 = Object.values(networkInterfaces()).flatMap(
    (addresses) => addresses?.find(({ family }) => family === "IPv4") ?? [],
  );
  const outward = ipv4.filter(({ internal }) => !internal);
  return (outward.length > 0 ? outward : ipv4).map(({ address }) => address);
};

/** The interfaces that speak IPv6, as the socket takes them. */
const ownLinks = (): readonly string[] =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    addresses?.some(({ family, internal }) => family === "IPv6" && !internal)
      ? [`::%${name}`]
      : [],
  );

/** RFC 6762 section 3: the group of IPv6. */
const listenByIpv6 = (link: string): MulticastDNS =>
  makeMulticastDns({
    type: "udp6",
    ip: "ff02::fb",
    interface: link,
    bind: "::",
    reuseAddr: true,
  });

const listenOn = (own: string): MulticastDNS =>
  // Bound to 0.0.0.0, because with the interface's own address Linux would not deliver packets sent to the multicast group.
  makeMulticastDns({ interface: own, bind: "0.0.0.0", reuseAddr: true });

/** The address of one of the families that the name's owner announces, or undefined when nobody answers. */
export const askMulticast = (
  name: string,
  families: readonly Family[],
): Promise<string | undefined> =>
  new Promise((resolve) => {
    const types = families.map((family) =>
      family === 4 ? ("A" as const) : ("AAAA" as const),
    );
    const sockets = [
      ...ownAddresses().map(listenOn),
      ...(families.includes(6) ? ownLinks().map(listenByIpv6) : []),
    ];
    const ask = (): void => {
      for (const socket of sockets) {
        socket.query(types.map((type) => ({ name, type })));
      }
    };
    const finish = (address: string | undefined): void => {
      clearTimeout(again);
      clearTimeout(end);
      for (const socket of sockets) {
        socket.destroy();
      }
      resolve(address);
    };
    const again = setTimeout(ask, ASK_AGAIN_MS);
    const end = setTimeout(() => finish(undefined), WAIT_MS);
    for (const socket of sockets) {
      // The interface has gone, or another program keeps the port to itself; other interfaces may still get an answer.
      socket.on("error", () => undefined);
      socket.on("warning", () => undefined);
      socket.on("response", ({ answers = [] }) => {
        for (const answer of answers) {
          if (
            (answer.type === "A" || answer.type === "AAAA") &&
            types.includes(answer.type) &&
            answer.name.toLowerCase() === name.toLowerCase() &&
            !isOfLink(answer.data)
          ) {
            finish(answer.data);
            return;
          }
        }
      });
    }
    ask();
  });
