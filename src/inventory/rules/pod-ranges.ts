// How much of the pods' range each node gets.
import type { IpCidr } from "./ip.ts";

/** What the controller manager takes where no flag says otherwise. */
export const DEFAULT_NODE_PREFIX = { 4: 24, 6: 64 } as const;

/** A longer IPv6 range leaves no /64 for each of this many nodes. */
const LONGEST_FOR_64 = 56;

/**
 * The prefix length of one node's part. kubeadm and the controller manager allow at most 16 bits between it and the range's: an
 * IPv6 range up to /56 has at least 256 parts of a /64, and a longer one, such as the one /64 that people have, 65536 parts.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.2/cmd/kubeadm/app/apis/kubeadm/validation/validation.go (ValidatePodSubnetNodeMask)
 */
export const nodePrefix = ({ family, prefix }: IpCidr): number =>
  family === 6 && prefix > LONGEST_FOR_64
    ? prefix + 16
    : DEFAULT_NODE_PREFIX[family];
