// Addresses and networks as people write them. Only IPv4 is supported now.
import {
  broadcastAddress,
  formatAddress,
  formatCidr,
  isUnicast,
  networkAddress,
  networkOf,
  parseAddress,
  parseCidr,
  type Cidr,
} from "./ipv4.ts";
import type { RuleFinding, TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

const looksLikeIpv6 = (value: string): boolean =>
  /^[0-9a-fA-F:.]+(\/\d+)?$/.test(value) && value.split(":").length > 2;

const ipv6 = (value: string): RuleFinding => ({
  code: "IPV6_UNSUPPORTED",
  message: `${value} is IPv6, which pi-image does not set up yet`,
  hint: "use IPv4",
});

const invalid = (value: string, hint: string): RuleFinding => ({
  code: "ADDRESS_INVALID",
  message: `${quoted(value)} is not an IPv4 address here`,
  hint,
});

const unusable = (address: number): RuleFinding => ({
  code: "ADDRESS_INVALID",
  message: `${formatAddress(address)} is not an address that a machine in a network can have`,
  hint: "use an address of your network, for example 192.168.1.50",
});

/** An address without prefix length that one machine can have. */
export const addressRule: TextRule = (value) => {
  const address = parseAddress(value);
  if (address !== undefined) {
    return isUnicast(address) ? undefined : unusable(address);
  }
  if (looksLikeIpv6(value)) {
    return ipv6(value);
  }
  return invalid(
    value,
    parseCidr(value) === undefined
      ? "write four numbers from 0 to 255, for example 192.168.1.1"
      : "leave out the prefix length (the / and the number after it)",
  );
};

const reserved = (cidr: Cidr): RuleFinding | undefined => {
  const kind =
    cidr.address === networkAddress(cidr)
      ? "the network itself"
      : cidr.address === broadcastAddress(cidr)
        ? "the broadcast address"
        : undefined;
  return (
    kind && {
      code: "ADDRESS_RESERVED",
      message: `${formatAddress(cidr.address)} is ${kind} in ${formatCidr(networkOf(cidr))}`,
      hint: `use an address from ${formatAddress(networkAddress(cidr) + 1)} to ${formatAddress(broadcastAddress(cidr) - 1)}`,
    }
  );
};

/** A node's address with the prefix length of its network, such as 192.168.1.50/24. */
export const nodeAddressRule: TextRule = (value) => {
  const cidr = parseCidr(value);
  if (cidr === undefined) {
    if (looksLikeIpv6(value)) {
      return ipv6(value);
    }
    return invalid(
      value,
      parseAddress(value) === undefined
        ? "write address and prefix length, for example 192.168.1.50/24"
        : `add the prefix length of your network, for example ${value}/24`,
    );
  }
  // A /31 or /32 has no room for a gateway besides the network and broadcast addresses.
  if (cidr.prefix < 8 || cidr.prefix > 30) {
    return invalid(value, "the prefix length must be between /8 and /30");
  }
  return isUnicast(cidr.address) ? reserved(cidr) : unusable(cidr.address);
};

/**
 * A range for pods or services, its prefix length within the bounds that kubeadm allows.
 * https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/apis/kubeadm/validation/validation.go
 */
export const subnetRule =
  (shortest: number, longest: number): TextRule =>
  (value) => {
    const cidr = parseCidr(value);
    if (cidr === undefined) {
      return looksLikeIpv6(value)
        ? ipv6(value)
        : {
            code: "SUBNET_INVALID",
            message: `${quoted(value)} is not an IPv4 range`,
            hint: "write a network and its prefix length, for example 10.244.0.0/16",
          };
    }
    if (cidr.address !== networkAddress(cidr)) {
      return {
        code: "SUBNET_INVALID",
        message: `${value} is an address inside a range, not the range`,
        hint: `write ${formatCidr(networkOf(cidr))}`,
      };
    }
    if (cidr.prefix < shortest || cidr.prefix > longest) {
      return {
        code: "SUBNET_INVALID",
        message: `kubeadm does not accept a range of the size of ${value} here`,
        hint: `the prefix length must be between /${shortest} and /${longest}`,
      };
    }
    return isUnicast(cidr.address) ? undefined : unusable(cidr.address);
  };
