// The names of the values that fragments and network documents can ask for, with their descriptions for the reference.
import { SYSTEMS } from "../inventory/boards/systems.ts";
import { CNIS } from "../inventory/resolved.ts";
import { listed } from "../inventory/wording.ts";

/** Besides these there are `file:<path>` for every file under cloud-init/files/ and `pki.<path>` (control planes only). */
export const VALUE_NAMES = {
  "cluster.archive":
    "`own` or `mirror`: where Ubuntu's packages come from. For choices in a profile.",
  "cluster.cni": `${listed(
    CNIS.map((name) => `\`${name}\``),
    "or",
  )}.`,
  "cluster.dnsDomain": "The DNS domain of the cluster's services.",
  "cluster.internet":
    "`yes` or `no`: whether the nodes may ask the internet. For choices in a profile.",
  "cluster.kubernetes.minor": "Such as `1.36`.",
  "cluster.kubernetes.packages":
    "The URL of the package repository of that minor, with a slash at its end.",
  "cluster.kubernetes.patch": "Such as `1.36.5`.",
  "cluster.name": "The cluster's name.",
  "cluster.pauseImage":
    "The image of the pause container, which holds a pod's network.",
  "cluster.podSubnet": "The range of the pods' addresses.",
  "cluster.runtime": "`containerd`, `containerd-docker` or `cri-o`.",
  "cluster.serviceSubnet": "The range of the services' addresses.",
  "cluster.ubuntuMirror":
    "The URL of the mirror of Ubuntu's packages, where the inventory has one.",
  "export.clients": "The network that may mount the storage node's disk.",
  "export.mount": "Where the storage node mounts its data disk.",
  "export.path": "The folder on that disk that it exports.",
  "gateway.address":
    "The gateway's address on the cluster's network, with its prefix.",
  "gateway.dnsmasq": "The text of the gateway's dnsmasq configuration.",
  "gateway.domain":
    "The domain of the nodes' names; on the gateway and on nodes behind it.",
  "gateway.interface": "The interface that leads to the cluster's switch.",
  "gateway.nftables": "The text of the gateway's /etc/nftables.conf.",
  "kubeadm.action":
    "`init`, `init-or-join`, `join-by-certificate` or `join-by-token`. For choices in a profile.",
  "kubeadm.document": "The node's kubeadm configuration.",
  "kubeadm.joinConfig":
    "The kubeconfig with which the node joins; not on a lone control plane, and not on a worker with `join: token`.",
  "kubeadm.joinDocument":
    "The kubeadm configuration with which the first of several control planes joins; `kubeadm.document` is the one with which it begins.",
  "network.address":
    "The main fixed address with its prefix; not with DHCP. `network.addresses` has all.",
  "network.addresses":
    "The fixed addresses with their prefixes, at most one of each family; not with DHCP.",
  "network.gateway":
    "The main gateway; not with DHCP. `network.routes` has all.",
  "network.nameservers": "The list of DNS servers; not with DHCP.",
  "network.routes":
    "The routes to the gateways, as netplan takes them; not with DHCP.",
  "network.search": "The list of DNS search domains; not with DHCP.",
  "network.uplink": "`eth0` or `wlan0`.",
  "node.board": "The board, such as `pi5`.",
  "node.dataMount":
    "Where the data disk is mounted; only with a `storage` that has one.",
  "node.env": "The text of /etc/pi-image/node.env.",
  "node.hostKey.private": "The text of the SSH host key.",
  "node.hostKey.public": "The line of the public SSH host key.",
  "node.hosts":
    "Lines for /etc/hosts: the node itself and all nodes with fixed addresses.",
  "node.locale": "The locale, such as `C.UTF-8`.",
  "node.name": "The node's name.",
  "node.pcieGen": "`2` or `3`. For choices in a profile.",
  "node.role": "`control-plane`, `worker`, `gateway` or `storage`.",
  "node.storage":
    "`flashed`, `copied` or `data`: what the first boot does with a disk. For choices in a profile.",
  "node.system": `${listed(
    Object.keys(SYSTEMS).map((name) => `\`${name}\``),
    "or",
  )}: what the name of the base image tells of the system in it. For choices in a profile.`,
  "node.timezone": "The time zone, such as `Europe/Madrid`.",
  "node.users": "The list of users, as cloud-init takes it.",
  "node.watchdog": "`on` or `off`. For choices in a profile.",
  "runtime.service":
    "`containerd` or `cri-o`: what runs, wherever it comes from. For choices in a profile.",
  "wifi.accessPoints":
    "The networks by name and how to authenticate, as netplan takes them.",
  "wifi.country": "The country code.",
  "wifi.number":
    "`several` where the node itself has to keep the order of several Wi-Fi networks or the domain of an enterprise network, otherwise `one`. For choices in a profile.",
  "wifi.priorities":
    "Lines of a number and a network's name; the network with the highest number is preferred.",
  "wifi.renderer":
    "`networkd` or `NetworkManager`: what brings Wi-Fi up on the node's system, and for which `wifi.accessPoints` is written.",
} as const satisfies Record<string, string>;

export type ValueName = keyof typeof VALUE_NAMES;
