// What to write here for keys that other tools have: k3s-ansible, Talos, kubeadm, Raspberry Pi Imager, netplan, cloud-init.

/** The key in lower-case letters and digits, however its words are joined. */
export const bareKey = (key: string): string =>
  key.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

const FRAGMENT =
  "write it into a fragment of your own, and name that in `fragments`";
const NO_PASSWORD =
  "nobody logs in with a password: write `sshKeys` for the user";
const DHCP = "leave `address` out for DHCP, or write `address`";
const WIFI = "write `wifi: {ssid, country, password}`";
const NODES = "write `nodes`, each with its role";
const VIRTUAL = "write cluster.virtualAddress";

/** Our words for it -> their names, as `bareKey` makes them. */
const ADVICE: readonly (readonly [advice: string, ...names: string[]])[] = [
  // The cluster.
  ["write cluster.name", "clustername"],
  [
    "write cluster.kubernetes",
    "k3sversion",
    "kubernetesversion",
    "k8sversion",
    "kubeversion",
  ],
  [
    "write cluster.endpoint",
    "apiendpoint",
    "controlplaneendpoint",
    "server",
    "serverurl",
  ],
  [
    VIRTUAL,
    "apiserverendpoint",
    "vip",
    "kubevip",
    "sharedip",
    "metallbiprange",
  ],
  [
    "write cluster.podSubnet",
    "podcidr",
    "clustercidr",
    "podsubnets",
    "podnetworkcidr",
  ],
  ["write cluster.serviceSubnet", "servicecidr", "servicesubnets"],
  ["write cluster.cni", "networkplugin", "flannelbackend"],
  ["write cluster.runtime", "containerruntime", "containermanager"],
  [
    "write cluster.addons",
    "manifests",
    "extramanifests",
    "inlinemanifests",
    "helm",
  ],
  ["write cluster.mirrors.registries", "registries", "registrymirrors"],
  [
    "write cluster.kubernetes: {version, kubelet}",
    "kubelet",
    "kubeletextraconfig",
    "kubeletconfiguration",
  ],
  [
    "write cluster.kubernetes: {version, apiServer: {extraArgs}}",
    "apiserver",
    "extraserverargs",
    "kubeapiserver",
  ],
  [
    "remove it; pi-image makes the cluster's secrets",
    "k3stoken",
    "token",
    "clustertoken",
    "secret",
  ],
  [
    NODES,
    "masters",
    "master",
    "servers",
    "workers",
    "agents",
    "agent",
    "hosts",
    "machines",
    "controlplanes",
    "inventory",
  ],
  // A node in Kubernetes.
  ["write `labels`", "nodelabels", "nodelabel", "kubeletextralabels"],
  ["write `taints`", "nodetaints", "registerwithtaints", "tolerations"],
  [
    "write `taints: []` at the control plane",
    "allowschedulingoncontrolplanes",
    "schedulable",
    "untaint",
  ],
  // Its system.
  [
    "write `cmdline`, a list of words",
    "extrakernelargs",
    "kernelargs",
    "kernelparameters",
    "bootargs",
    "cmdlinetxt",
    "extracmdline",
  ],
  [
    "write `config`, a list of lines",
    "configtxt",
    "bootconfig",
    "dtoverlay",
    "dtparam",
    "overlays",
  ],
  [
    "write `ntp`, a list of servers",
    "timeservers",
    "ntpservers",
    "time",
    "timesync",
    "chrony",
    "fallbackntp",
  ],
  [
    "write `packages`, a list of names",
    "apt",
    "extrapackages",
    "package",
    "install",
    "aptpackages",
  ],
  [
    "write `updates: security` or `updates: off`",
    "packageupdate",
    "packageupgrade",
    "unattendedupgrades",
    "autoupdate",
    "upgrade",
  ],
  ["write `proxy`", "httpproxy", "httpsproxy", "noproxy", "aptproxy"],
  ["write `logs: volatile`", "journald", "log2ram", "logging"],
  ["write `timezone`", "systemtimezone", "timezones", "zone"],
  ["write `locale`", "language", "lang", "locales"],
  [
    "write `storage`, with `nvme`, `usb` or `sd`",
    "disk",
    "rootdisk",
    "installdisk",
    "bootdevice",
    "rootdevice",
  ],
  ["write `board`", "model", "hardwaremodel", "device"],
  ["write `base`", "image", "os", "distro", "osimage", "distribution"],
  [
    FRAGMENT,
    "writefiles",
    "runcmd",
    "bootcmd",
    "cloudconfig",
    "cloudinit",
    "userdata",
    "sysctls",
    "sysctl",
    "files",
    "mounts",
    "swap",
    "growpart",
    "powerstate",
    "keyboard",
    "keymap",
    "keyboardlayout",
    "snap",
    "modules",
    "motd",
    "scripts",
    "firstrun",
  ],
  // Users.
  [
    "write `users`, a list",
    "user",
    "username",
    "ansibleuser",
    "adminuser",
    "defaultuser",
    "sshuser",
  ],
  [
    "write `sshKeys` for a user",
    "sshkey",
    "sshpublickey",
    "sshpublickeys",
    "publickey",
    "authorizedkeys",
    "sshauthorizedkey",
    "sshpubkey",
    "sshimportid",
  ],
  [
    NO_PASSWORD,
    "passwd",
    "plaintextpasswd",
    "hashedpasswd",
    "lockpasswd",
    "chpasswd",
    "userpassword",
    "enablessh",
    "sshpwauth",
    "passwordauthentication",
  ],
  // Its network.
  [
    "write `name`; a domain belongs to `search` or the gateway",
    "fqdn",
    "localhostname",
  ],
  [
    "write `address` with its prefix length",
    "ansiblehost",
    "addresses",
    "ipaddress",
    "ipv4",
    "staticip",
    "ipaddr",
    "netmask",
    "prefix",
  ],
  [DHCP, "dhcp", "dhcp4"],
  ["write `gateway`", "gateway4", "router", "defaultgateway", "defaultroute"],
  [
    "write `nameservers`, a list",
    "dnsservers",
    "nameserver",
    "resolvers",
    "dnsserver",
  ],
  ["write `search`, a list", "searchdomains", "domains", "domain", "dnssearch"],
  ["write `mac`", "macaddress", "hwaddr", "ethernetaddress"],
  [
    WIFI,
    "wifissid",
    "ssids",
    "wlan",
    "wireless",
    "accesspoints",
    "wifis",
    "wificountry",
    "regdomain",
    "wificountrycode",
    "wifinetworks",
  ],
  [
    "write `uplink`, `address`, `gateway` and `wifi` at the node",
    "network",
    "networks",
    "ethernets",
    "interfaces",
    "networkconfig",
    "flanneliface",
    "renderer",
  ],
];

const BY_NAME: ReadonlyMap<string, string> = new Map(
  ADVICE.flatMap(([advice, ...names]) =>
    names.map((name) => [name, advice] as const),
  ),
);

/** What to write for a key of another tool; undefined where pi-image has nothing like it. */
export const adviceFor = (key: string): string | undefined =>
  BY_NAME.get(bareKey(key));
