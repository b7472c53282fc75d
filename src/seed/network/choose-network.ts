// Which documents of cloud-init/network/ make a node's network configuration.
import type { ResolvedNode, Wifi } from "../../inventory/resolved.ts";
import { isPlainName } from "./access-point.ts";

/** Paths under cloud-init/network/, to be merged in this order. */
export const chooseNetwork = ({
  base,
  reserved,
  serves,
  network: { uplink, addressing, wifi },
}: ResolvedNode): string[] => [
  `uplink-${uplink}-${addressing.method}.yaml`,
  ...(serves === undefined ? [] : ["gateway.yaml"]),
  ...(reserved !== undefined && addressing.method === "dhcp"
    ? ["behind-gateway.yaml"]
    : []),
  ...(uplink === "wlan0" && serves?.interface !== "eth0"
    ? ["second-eth0.yaml"]
    : []),
  ...(uplink === "eth0" && wifi.length > 0 ? ["second-wlan0.yaml"] : []),
  ...(wifi.length > 0 && !isJammy(base) ? ["country.yaml"] : []),
];

/**
 * What the netplan of Ubuntu 22.04 does not know makes it refuse the whole file: `regulatory-domain` came with 0.105, and `sae`
 * with 0.107; 22.04 was released with 0.104 and got them as updates that an image may lack. The country stands on the
 * kernel's command line there. https://github.com/canonical/netplan/tree/0.104/src/parse.c
 */
const isJammy = (base: string): boolean => /22\.04|jammy/i.test(base);

/** Whether the netplan of this base knows how to authenticate there. */
export const knowsSecurity = (base: string, { security }: Wifi): boolean =>
  !(isJammy(base) && security === "wpa3");

/**
 * Whether the netplan of this base hands the network's name on as it is: escapes came with 1.1, which Ubuntu 24.04 got as
 * an update. https://github.com/canonical/netplan/blob/1.0/src/networkd.c#L1247
 */
export const knowsName = (base: string, { ssid }: Wifi): boolean =>
  !isJammy(base) || isPlainName(ssid);
