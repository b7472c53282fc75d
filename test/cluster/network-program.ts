// Plays a cluster's network inside a network namespace: an API server, names by mDNS, and open SSH ports.
// Arguments: the secrets file. Each line on stdin is a scene (JSON); "played" on stdout says that it is on.
import { createServer, type Server } from "node:net";
import { createInterface } from "node:readline";
import makeMulticastDns from "multicast-dns";
import { loadClusterSecrets } from "../../src/kubernetes/secrets/load-cluster-secrets.ts";
import { startApiStandIn, type StandInNode } from "./api-stand-in.ts";
import type { Scene } from "./lan.ts";

const API_ADDRESS = "192.168.77.50";

let names: Readonly<Record<string, string>> = {};
let nodes: readonly StandInNode[] = [];
let api: { readonly server: Server; readonly kind: string } | undefined;
const ssh = new Map<string, Server>();

const loaded = await loadClusterSecrets(process.argv[2] ?? "");
if (loaded === undefined) {
  throw new Error("there are no secrets");
}
const { ca } = loaded.secrets;
const foreign = await loadClusterSecrets(process.argv[3] ?? "");

const mdns = makeMulticastDns({ interface: "192.168.77.1", bind: "0.0.0.0" });
mdns.on("query", ({ questions = [] }) => {
  for (const { name } of questions) {
    const address = names[name];
    if (address !== undefined) {
      mdns.respond([{ name, type: "A", ttl: 120, data: address }]);
    }
  }
});

const playApi = async (kind: Scene["api"]): Promise<void> => {
  if (kind === api?.kind) {
    return;
  }
  api?.server.close();
  api = undefined;
  if (kind !== undefined) {
    const authority = kind === "foreign" ? foreign?.secrets.ca : ca;
    api = {
      kind,
      server: await startApiStandIn({
        ca: authority ?? ca,
        address: API_ADDRESS,
        port: 6443,
        state: () => ({ nodes }),
      }),
    };
  }
};

const playSsh = async (addresses: readonly string[]): Promise<void> => {
  for (const address of addresses.filter((known) => !ssh.has(known))) {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => {
      server.listen(22, address, resolve);
    });
    ssh.set(address, server);
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const scene = JSON.parse(line) as Scene;
  names = scene.names ?? {};
  nodes = scene.nodes ?? [];
  await playApi(scene.api);
  await playSsh(scene.ssh ?? []);
  console.log("played");
}
process.exit(0);
