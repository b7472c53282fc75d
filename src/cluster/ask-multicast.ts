// Asks the local network, by multicast DNS, for the address behind a name such as worker1.local.
import { networkInterfaces } from "node:os";
import makeMulticastDns, { type MulticastDNS } from "multicast-dns";

/** RFC 6762 section 6: answers come within half a second, so there is time to ask twice in case one packet is lost. */
const WAIT_MS = 1500;
const ASK_AGAIN_MS = 600;

/** One own address in each network: a question goes out on one network only, and the Pis may be on another. */
const ownAddresses = (): readonly string[] => {
  const ipv4 = Object.values(networkInterfaces()).flatMap(
    (addresses) => addresses?.find(({ family }) => family === "IPv4") ?? [],
  );
  const outward = ipv4.filter(({ internal }) => !internal);
  return (outward.length > 0 ? outward : ipv4).map(({ address }) => address);
};

const listenOn = (own: string): MulticastDNS =>
  // Bound to 0.0.0.0, because with the interface's own address Linux would not deliver packets sent to the multicast group.
  makeMulticastDns({ interface: own, bind: "0.0.0.0", reuseAddr: true });

/** The IPv4 address that the name's owner announces, or undefined when nobody answers. */
export const askMulticast = (name: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const sockets = ownAddresses().map(listenOn);
    const ask = (): void => {
      for (const socket of sockets) {
        socket.query([{ name, type: "A" }]);
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
            answer.type === "A" &&
            answer.name.toLowerCase() === name.toLowerCase()
          ) {
            finish(answer.data);
            return;
          }
        }
      });
    }
    ask();
  });
