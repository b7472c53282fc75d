// What a resolved node has of its system besides what every node gets.
import type { Taint } from "./rules/registration-rules.ts";

export type Proxy = {
  /** `http://host:port` without a slash at its end. */
  readonly http: string | undefined;
  readonly https: string | undefined;
  /** What the inventory adds to the cluster's own hosts and networks. */
  readonly noProxy: readonly string[];
};

/** Through a router, or to what is on the link itself. */
export type Route = { readonly to: string } & (
  { readonly via: string } | { readonly scope: "link" }
);

/** What is special about the node's uplink. */
export type LinkSettings = {
  /** Undefined for the board's own Ethernet, or for Wi-Fi. */
  readonly interface: string | undefined;
  /** The number of the VLAN. */
  readonly vlan: number | undefined;
  /** In octets. */
  readonly mtu: number | undefined;
  readonly routes: readonly Route[];
};

export type HostSettings = {
  readonly link: LinkSettings;
  /** Words for the kernel's command line. */
  readonly cmdline: readonly string[];
  /** Names of the distribution's packages, each once. */
  readonly packages: readonly string[];
  /** Paths under cloud-init/fragments/, each once. */
  readonly fragments: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined leaves Kubernetes' own: one on control planes, none elsewhere. */
  readonly taints: readonly Taint[] | undefined;
  /** None: those of the distribution. */
  readonly ntp: readonly string[];
  readonly proxy: Proxy | undefined;
  /** Undefined leaves what the base does. */
  readonly updates: "security" | "off" | undefined;
  readonly logs: "volatile" | undefined;
};
