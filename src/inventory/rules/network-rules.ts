// Addresses and networks of both families as people write them.
import {
  familyName,
  firstIp,
  formatIp,
  formatIpCidr,
  inBrackets,
  isNetwork,
  lastIp,
  networkOfIp,
  parseIp,
  parseIpCidr,
  sameIp,
  specialKind,
  type Family,
  type Ip,
  type IpCidr,
} from "./ip.ts";
import type { RuleFinding, TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

const invalid = (value: string, hint: string): RuleFinding => ({
  code: "ADDRESS_INVALID",
  message: `${quoted(value)} is not an IP address here`,
  hint,
});

/** What to write in place of an address that no machine in a network can have; nothing where the usual hint says enough. */
const SPECIAL_HINTS: Readonly<Record<string, string>> = {
  "link-local":
    "every interface has such an address, and it says nothing outside its own link; use one of your network, for example fd00::50",
  "site-local":
    "fec0::/10 is deprecated; use an address of fd00::/8 or of your provider's network",
};

const unusable = (ip: Ip): RuleFinding => ({
  code: "ADDRESS_INVALID",
  message: `${formatIp(ip)} is not an address that a machine in a network can have`,
  hint:
    specialKind(ip) === "mapped"
      ? `write the IPv4 address, ${formatIp({ family: 4, value: ip.value & 0xffff_ffffn })}`
      : (SPECIAL_HINTS[specialKind(ip) ?? ""] ??
        `use an address of your network, for example ${ip.family === 4 ? "192.168.1.50" : "fd00::50"}`),
});

/** An address without prefix length. */
const plainAddress =
  (allows: (ip: Ip) => boolean): TextRule =>
  (value) => {
    const ip = parseIp(value);
    if (ip !== undefined) {
      return allows(ip) ? undefined : unusable(ip);
    }
    const [bare = "", zone] = value.split("%");
    if (zone !== undefined && parseIp(bare)?.family === 6) {
      return invalid(value, `leave out %${zone}`);
    }
    const inside = inBrackets(value);
    if (inside !== undefined) {
      return invalid(value, `write ${inside}, without brackets and port`);
    }
    return invalid(
      value,
      parseIpCidr(value) === undefined
        ? value.includes(":")
          ? "write up to eight groups of hexadecimal digits, for example fd00::1"
          : "write four numbers from 0 to 255, for example 192.168.1.1"
        : "leave out the prefix length (the / and the number after it)",
    );
  };

/** An address that one machine can have. */
export const addressRule = plainAddress((ip) => specialKind(ip) === undefined);

/** A router on the node's own link, which in IPv6 may be called by its link-local address. */
export const routerRule = plainAddress((ip) =>
  [undefined, "link-local"].includes(specialKind(ip)),
);

/** A whole network's first address is the network itself or, in IPv6, all its routers'; IPv4 has a broadcast address as well. */
export const reservedAs = (network: IpCidr, ip: Ip): string | undefined =>
  sameIp(ip, firstIp(network))
    ? ip.family === 4
      ? "the network itself"
      : "the address of all routers"
    : ip.family === 4 && sameIp(ip, lastIp(network))
      ? "the broadcast address"
      : undefined;

/** "192.168.1.1 to 192.168.1.254": what the machines of a network can have. */
const usableIn = (network: IpCidr): string => {
  const { family, value } = firstIp(network);
  const last = lastIp(network).value - (family === 4 ? 1n : 0n);
  return `${formatIp({ family, value: value + 1n })} to ${formatIp({ family, value: last })}`;
};

const reserved = (cidr: IpCidr): RuleFinding | undefined => {
  const kind = reservedAs(cidr, cidr);
  return kind === undefined
    ? undefined
    : {
        code: "ADDRESS_RESERVED",
        message: `${formatIp(cidr)} is ${kind} in ${formatIpCidr(networkOfIp(cidr))}`,
        hint: `use an address from ${usableIn(cidr)}`,
      };
};

/** A /31 or /127 has no room for a gateway besides the node. */
const NODE_PREFIXES: Readonly<Record<Family, readonly [number, number]>> = {
  4: [8, 30],
  6: [16, 126],
};

/** A node's address with the prefix length of its network, such as 192.168.1.50/24 or fd00::50/64. */
export const nodeAddressRule: TextRule = (value) => {
  const cidr = parseIpCidr(value);
  if (cidr === undefined) {
    const ip = parseIp(value);
    const six = value.includes(":");
    return invalid(
      value,
      ip === undefined
        ? value.includes("%")
          ? "leave out the % and the interface after it"
          : `write address and prefix length, for example ${six ? "fd00::50/64" : "192.168.1.50/24"}`
        : `add the prefix length of your network, for example ${value}/${six ? 64 : 24}`,
    );
  }
  const [shortest, longest] = NODE_PREFIXES[cidr.family];
  if (cidr.prefix < shortest || cidr.prefix > longest) {
    return invalid(
      value,
      `the prefix length must be between /${shortest} and /${longest}`,
    );
  }
  return specialKind(cidr) === undefined ? reserved(cidr) : unusable(cidr);
};

/** The gateway's own side, where it gives addresses by DHCP. */
export const servedAddressRule: TextRule = (value) =>
  parseIpCidr(value)?.family === 6
    ? {
        code: "IPV6_UNSUPPORTED",
        message: `${value} is IPv6, and the network behind a gateway is IPv4`,
        hint: "write an IPv4 address, for example 10.0.0.1/24; the nodes behind it can have fixed IPv6 addresses besides",
      }
    : nodeAddressRule(value);

type Bounds = Readonly<Record<Family, readonly [number, number]>>;

/**
 * A range for pods or services, its prefix length within the bounds of its family.
 * https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/apis/kubeadm/validation/validation.go
 */
export const subnetRule =
  (bounds: Bounds): TextRule =>
  (value) => {
    const cidr = parseIpCidr(value);
    if (cidr === undefined) {
      return {
        code: "SUBNET_INVALID",
        message: `${quoted(value)} is not a range of IP addresses`,
        hint: `write a network and its prefix length, for example ${value.includes(":") ? "fd00:10:244::/56" : "10.244.0.0/16"}`,
      };
    }
    if (!isNetwork(cidr)) {
      return {
        code: "SUBNET_INVALID",
        message: `${value} is an address inside a range, not the range`,
        hint: `write ${formatIpCidr(networkOfIp(cidr))}`,
      };
    }
    const [shortest, longest] = bounds[cidr.family];
    if (cidr.prefix < shortest || cidr.prefix > longest) {
      return {
        code: "SUBNET_INVALID",
        message: `kubeadm does not accept a range of the size of ${value} here`,
        hint: `the prefix length must be between /${shortest} and /${longest}`,
      };
    }
    return specialKind(cidr) === undefined ? undefined : unusable(cidr);
  };

/** Of each family one, as Kubernetes has it; `code` is what a second one of a family is reported under. */
export const oneOfEachFamily = (
  parts: readonly string[],
  code: RuleFinding["code"],
): RuleFinding | undefined => {
  const families = parts.map(
    (part) => (parseIpCidr(part) ?? parseIp(part))?.family,
  );
  const second = families.findIndex(
    (family, index) =>
      family !== undefined && families.indexOf(family) !== index,
  );
  const family = families[second];
  return family === undefined
    ? undefined
    : {
        code,
        message: `${parts[second]} is a second ${familyName(family)} entry, and there can be one of each family`,
        hint: "write at most one for IPv4 and one for IPv6",
      };
};
