// Rules for a network interface's name and for routes.
import { formatIpCidr, isNetwork, networkOfIp, parseIpCidr } from "./ip.ts";
import type { TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

/**
 * Linux allows 15 octets without slashes and blanks; of those, only what dnsmasq, nftables and netplan take without quoting.
 */
export const interfaceRule: TextRule = (value) =>
  /^[a-z][a-z0-9._-]{0,14}$/i.test(value)
    ? undefined
    : {
        code: "INTERFACE_INVALID",
        message: `${quoted(value)} is not the name of a network interface`,
        hint: "write it as `ip link` shows it, for example eth0 or enx00e04c680001",
      };

/** The network that a route leads to. */
export const routeRule: TextRule = (value) => {
  const cidr = parseIpCidr(value);
  const whole = /^(default|0(\.0){3}|::)$/.test(value) || cidr?.prefix === 0;
  return cidr !== undefined && !whole && isNetwork(cidr)
    ? undefined
    : {
        code: "ROUTE_INVALID",
        message: `${quoted(value)} is not a network that a route can lead to`,
        hint: whole
          ? "the way to everything else is `gateway`"
          : cidr === undefined
            ? "write a network and its prefix length, for example 10.8.0.0/24"
            : `write ${formatIpCidr(networkOfIp(cidr))}`,
      };
};
