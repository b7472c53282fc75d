// Answers for cplane.local over IPv6 and asks for it; prints what was found.
import makeMulticastDns from "multicast-dns";
import { findAddress } from "../../src/cluster/find-address.ts";

const node = makeMulticastDns({
  type: "udp6",
  ip: "ff02::fb",
  interface: "::%lan",
  bind: "::",
  reuseAddr: true,
});
node.on("query", ({ questions = [] }) => {
  if (questions.some(({ type }) => type === "AAAA")) {
    node.respond([
      { name: "cplane.local", type: "AAAA", data: "fe80::50" },
      { name: "cplane.local", type: "AAAA", data: "fd00::50" },
    ]);
  }
});
node.on("ready", () => {
  void findAddress(
    "cplane.local",
    process.argv.slice(2).map((family) => (family === "4" ? 4 : 6)),
  ).then((address) => {
    process.stdout.write(`${address ?? "nobody"}\n`);
    process.exit();
  });
});
