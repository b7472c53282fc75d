// A resolved cluster and its nodes: every value is filled in, and no default is applied later.
import type { ConfigSection } from "../firmware/config-lines.ts";
import type { Secret } from "../report/secret.ts";
import type { Board } from "./boards/boards.ts";
import type { HostSettings } from "./host-settings.ts";
import type { EepromMode, Hardware } from "./boards/hardware.ts";
import type { Storage } from "./boards/storage.ts";

export const ROLES = ["control-plane", "worker", "gateway", "storage"] as const;
export type Role = (typeof ROLES)[number];

/** The roles of the nodes that make up a Kubernetes cluster. */
export const KUBERNETES_ROLES = ["control-plane", "worker"] as const;

/** Each network plug-in with the name of its container on every node, as its manifest has it. */
export const CNI_CONTAINERS = {
  flannel: "kube-flannel",
  calico: "calico-node",
  cilium: "cilium-agent",
} as const;
export type Cni = keyof typeof CNI_CONTAINERS;
/**
 * The plug-in that takes the first address of an interface of each family, or by an address only that one: with several, the
 * kernel's order decides, and in IPv6 the newest is the first, which a virtual address is.
 * https://github.com/flannel-io/flannel/blob/v0.28.9/pkg/ipmatch/match.go (LookupExtIface)
 */
export const BY_FIRST_ADDRESS: Cni = "flannel";
export const CNIS = Object.keys(CNI_CONTAINERS) as [Cni, ...Cni[]];

export const RUNTIMES = ["containerd", "containerd-docker", "cri-o"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export const POD_SECURITY_LEVELS = [
  "privileged",
  "baseline",
  "restricted",
] as const;
export type PodSecurity = (typeof POD_SECURITY_LEVELS)[number];

export const ANONYMOUS_ACCESS = ["probes", "all"] as const;
export type AnonymousAccess = (typeof ANONYMOUS_ACCESS)[number];

/**
 * What the inventory asks for; undefined keeps what the cluster was made with, which only its secrets tell
 * (kubernetes/hardening.ts).
 */
export type HardeningWishes = {
  readonly encryptSecrets: boolean | undefined;
  readonly auditLog: boolean | undefined;
  readonly podSecurity: PodSecurity | undefined;
  readonly podSecurityExempt: readonly string[];
  readonly seccompDefault: boolean | undefined;
  readonly anonymousAccess: AnonymousAccess | undefined;
};

export type KubernetesVersion = {
  /** Such as "1.36": chooses the package repository, and the packages are held at this minor. */
  readonly minor: string;
  /** Such as "1.36.5": asked for at first boot; where a mirror lacks it, the newest patch of the minor is taken. */
  readonly patch: string;
};

/** Settings in the words of Kubernetes' own documents. */
export type UpstreamSettings = {
  /** Fields of KubeletConfiguration. */
  readonly kubelet: Readonly<Record<string, unknown>>;
  /** Flags without dashes. */
  readonly apiServerArgs: readonly {
    readonly name: string;
    readonly value: string;
  }[];
};

/** How every node reaches the API server; `controlPlaneEndpoint` is always `host:port`, and host always a name. */
export type Endpoint = {
  readonly host: string;
  readonly port: number;
  /** The address of `host` without prefix length, where the inventory fixes it; otherwise DNS or mDNS finds it. */
  readonly address: string | undefined;
  /** Set when `address` is a virtual address that kube-vip holds. */
  readonly virtual: boolean;
};

export type RegistryMirror = {
  /** Host, with a port where it has one, such as "ghcr.io". */
  readonly registry: string;
  /** URL without a trailing slash. */
  readonly mirror: string;
};

export type Mirrors = {
  /** Base URL in place of https://pkgs.k8s.io, without a trailing slash. */
  readonly kubernetesPackages: string | undefined;
  /**
   * Fingerprint of the key that signs these packages, as 40 upper-case hex digits, in place of the Kubernetes project's key.
   */
  readonly kubernetesKey: string | undefined;
  /** Registry in place of registry.k8s.io. */
  readonly kubernetesImages: string | undefined;
  /** Mirrors that the container runtime of every node asks before the registries themselves. */
  readonly registries: readonly RegistryMirror[];
  /** Ubuntu archive used by apt at first boot. */
  readonly ubuntu: string | undefined;
  /** Base URL in place of the manifests' own hosts. */
  readonly manifests: string | undefined;
  /** Base URLs of copies of the vendors' base images, asked first. */
  readonly baseImages: readonly string[];
};

export type ResolvedCluster = {
  readonly name: string;
  readonly kubernetes: KubernetesVersion;
  readonly upstream: UpstreamSettings;
  readonly endpoint: Endpoint;
  /** One range, or one of each family with a comma between them, as kubeadm has it; the first family is the main one. */
  readonly podSubnet: string;
  /** Of the same families in the same order. */
  readonly serviceSubnet: string;
  readonly dnsDomain: string;
  readonly cni: Cni;
  readonly runtime: Runtime;
  readonly join: {
    readonly by: "certificate" | "token";
    /** Days a join certificate is valid, counted from the build that made it. */
    readonly days: number;
    /** Hours a bootstrap token lives, counted from init; only for `by: "token"`, never 0. */
    readonly tokenHours: number;
  };
  readonly hardening: HardeningWishes;
  /** Whether the nodes never have the internet; then `bundle` is set, too. */
  readonly offline: boolean;
  /** Whether each card carries its node's packages and container images. */
  readonly bundle: boolean;
  readonly mirrors: Mirrors;
  /** `file:` and `url:` references to manifests that the control plane applies. */
  readonly addons: readonly string[];
};

export type User = {
  readonly name: string;
  /** authorized_keys lines. */
  readonly sshKeys: readonly string[];
  readonly sudo: boolean;
  readonly shell: string;
};

export type Addressing =
  | { readonly method: "dhcp" }
  | {
      readonly method: "static";
      /** Addresses with prefix length, such as 192.168.1.50/24, in the order of the cluster's families; the first is the main one. */
      readonly addresses: readonly [string, ...string[]];
      /** At most one of each family. */
      readonly gateways: readonly string[];
      readonly nameservers: readonly string[];
      readonly search: readonly string[];
    };

export const SECURITIES = [
  "wpa2",
  "wpa3",
  "wpa2-wpa3",
  "enterprise",
  "open",
] as const;

export const EAP_METHODS = ["peap", "ttls", "tls"] as const;
export const INNER_METHODS = ["mschapv2", "pap"] as const;

/** How a node proves who it is to an enterprise network, and the network's server to the node. */
export type Eap = {
  readonly identity: string;
  readonly anonymousIdentity: string | undefined;
  /** Certificates in PEM, or "system" for those that the node's system trusts. */
  readonly ca: string;
  /** The end of the server's name; always there with the system's authorities. */
  readonly domain: string | undefined;
} & (
  | {
      readonly method: "peap" | "ttls";
      readonly inner: (typeof INNER_METHODS)[number];
    }
  | {
      readonly method: "tls";
      /** In PEM, both. */
      readonly certificate: string;
      readonly key: Secret;
      readonly keyPassword: Secret | undefined;
    }
);

export type Wifi = {
  /** The network's name; its octets where it is not text. */
  readonly ssid: string | Uint8Array;
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string;
  readonly security: (typeof SECURITIES)[number];
  readonly hidden: boolean;
  /** Only for enterprise, and always there. */
  readonly eap?: Eap | undefined;
  /** The passphrase (8 to 63 characters) or, for wpa2 only, 64 hex digits; undefined only for open and for TLS. */
  readonly password: Secret | undefined;
};

/**
 * Where IPv6 comes from on the uplink:
 *
 * - `base`: nothing here needs it, and the base does what it does by itself
 * - `router`: the way out, and an address where none is fixed, come from the router's advertisements, or DHCPv6 where those say so
 * - `fixed`: both come from the inventory, and advertisements are ignored
 */
export type Ipv6Way = "base" | "router" | "fixed";

export type NodeNetwork = {
  /** The interface that Kubernetes uses and that carries `addressing`. */
  readonly uplink: "eth0" | "wlan0";
  readonly addressing: Addressing;
  readonly ipv6: Ipv6Way;
  /**
   * The preferred network first, all of one country. Empty: the node gets no wlan0 stanza (one without a radio delays the
   * first boot by 90 s).
   */
  readonly wifi: readonly Wifi[];
};

/** A port of the gateway that leads to a node behind it. */
export type PortForward = {
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** The node's name, and its address without prefix. */
  readonly to: string;
  readonly address: string;
  readonly toPort: number;
};

/** What a gateway does for the network behind it. */
export type Service = {
  /** The interface that leads to the cluster's switch. */
  readonly interface: string;
  /** The gateway's address there with prefix length, such as 10.0.0.1/24. */
  readonly address: string;
  /** First and last addresses for machines that the inventory does not name. */
  readonly ranges: readonly { readonly from: string; readonly to: string }[];
  /** The DNS domain of the nodes' names. */
  readonly domain: string;
  readonly forwards: readonly PortForward[];
};

/** What a storage node exports by NFS. */
export type NfsExport = {
  /** The folder that clients mount; it lies on the data disk. */
  readonly path: string;
  /** The network whose machines may mount it, such as 10.0.0.0/24. */
  readonly clients: string;
  /** The node's address without prefix, by which the cluster finds it. */
  readonly server: string;
};

export type ResolvedNode = {
  readonly name: string;
  readonly role: Role;
  /** Whether it becomes a node of the Kubernetes cluster. */
  readonly joins: boolean;
  readonly board: Board;
  /** A name from the catalogue, or a path or URL of an image. */
  readonly base: string;
  readonly storage: Storage;
  /** Where the disk of `data` storage is mounted; undefined with any other. */
  readonly dataMount: string | undefined;
  /** Whether the card of `copied` storage stays bootable, as a recovery system. */
  readonly keepCard: boolean;
  /** 2 is the certified speed and needs no setting; 3 is tried at first boot and kept where the link holds it. */
  readonly pcieGen: 2 | 3;
  readonly eeprom: EepromMode;
  /** The vendor's image for `eeprom: recovery`, an absolute path; its recovery.bin lies beside it. */
  readonly eepromImage: string | undefined;
  readonly hardware: Hardware;
  /** Everything that config.txt gets, the user's own lines last. */
  readonly config: readonly ConfigSection[];
  readonly timezone: string;
  readonly locale: string;
  readonly users: readonly User[];
  readonly network: NodeNetwork;
  readonly host: HostSettings;
  /**
   * The address with prefix length that the cluster's gateway reserves for this node; undefined for a node that is not
   * behind it.
   */
  readonly reserved: string | undefined;
  /** Only set for a gateway. */
  readonly serves: Service | undefined;
  /** Only set for a storage node. */
  readonly exports: NfsExport | undefined;
  /** The date of the board's boot EEPROM, such as 2025-02-11; undefined where the inventory does not give it. */
  readonly eepromDate: string | undefined;
  /** The card's serial that this node is bound to. */
  readonly cardSerial: string | undefined;
  /** The Ethernet address of the board that the card is for, in lower case with colons. */
  readonly mac: string | undefined;
};

export type ResolvedProject = {
  readonly cluster: ResolvedCluster;
  /** In the inventory's order; at least one control plane. The first control plane runs `kubeadm init`. */
  readonly nodes: readonly ResolvedNode[];
};
