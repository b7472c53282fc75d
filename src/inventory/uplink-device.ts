// The name of the interface that carries a node's address.
import type { ResolvedNode } from "./resolved.ts";

/** Such as eth0, wlan0, enx00e04c680001 or eth0.20. */
export const uplinkDevice = ({
  network: { uplink },
  host: { link },
}: Pick<ResolvedNode, "network" | "host">): string =>
  `${link.interface ?? uplink}${link.vlan === undefined ? "" : `.${link.vlan}`}`;
