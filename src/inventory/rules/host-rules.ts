// Rules for what people write about a node's system: words for the kernel, packages, fragments, time servers and proxies.
import {
  formatIpCidr,
  isNetwork,
  networkOfIp,
  parseIp,
  parseIpCidr,
} from "./ip.ts";
import { quoted } from "../wording.ts";
import type { RuleFinding, TextRule } from "./text-rule.ts";

const cmdlineInvalid = (message: string, hint: string): RuleFinding => ({
  code: "CMDLINE_INVALID",
  message,
  hint,
});

/** Parameters that decide whether the node boots at all or builds itself, and what to write for them here. */
const OWNED: readonly (readonly [word: RegExp, why: string, hint: string])[] = [
  [
    /^(root|rootfstype|rootflags|ro|rw|init|rdinit|initrd|resume)(=|$)/,
    "is set by the base image, which would not find its system without it",
    "remove it; `storage` says where the node's system lies",
  ],
  [
    /^cgroup_disable=memory$|^cgroup_enable=(?!memory$|cpuset$|pids$)|^cgroup_memory=(?!1$)/,
    "takes the memory cgroup away, without which the kubelet does not start",
    "remove it; pi-image switches the memory cgroup on",
  ],
  [
    /^systemd\.(unified_cgroup_hierarchy|legacy_systemd_cgroup_controller)(=|$)/,
    "chooses the version of cgroups, and Kubernetes needs version 2",
    "remove it; every base has version 2 by itself",
  ],
  [
    /^cfg80211[.]ieee80211_regdom=/,
    "sets the country of the Wi-Fi",
    "remove it, and write the country under `wifi`",
  ],
  [
    /^(ds|ci\.ds|cloud-init|network-config|cc)(=|:|$)/,
    "is read by cloud-init, which would not find what pi-image gives it",
    "remove it; what cloud-init does comes from the profile and from `fragments`",
  ],
  [
    /^systemd\.(unit|machine_id|hostname|firstboot|volatile|mask=pi-image.*)(=|$)|^(single|rescue|emergency|[1-5s])$|^systemd\.run/,
    "changes what systemd starts, so that the node would not build itself",
    "remove it",
  ],
  [
    /^(net\.ifnames|biosdevname)=/,
    "renames the network interfaces, and the node would wait for its uplink for ever",
    "remove it",
  ],
  [
    /^ip(v6)?=/,
    "sets the network up before the system starts",
    "remove it, and write `address` and `gateway` at the node",
  ],
];

/** One parameter. The kernel itself knows quotes, but a word with blanks cannot be told from two. */
export const cmdlineRule: TextRule = (value) => {
  if (value === "") {
    return undefined;
  }
  if (/\s/.test(value.trim())) {
    return cmdlineInvalid(
      `${quoted(value)} is more than one word`,
      `write each word as an entry of its own: [${value.trim().split(/\s+/).map(quoted).join(", ")}]`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(value) || /["'\\]/.test(value)) {
    return cmdlineInvalid(
      `${quoted(value)} contains characters that cannot stand on the kernel's command line`,
      "write letters, digits and punctuation without quotes and blanks, for example usb-storage.quirks=152d:0578:u",
    );
  }
  if (value === "--" || !/^[a-z0-9]/i.test(value)) {
    return cmdlineInvalid(
      `${quoted(value)} is not a parameter of the kernel`,
      "write it as https://docs.kernel.org/admin-guide/kernel-parameters.html has it, for example usb-storage.quirks=152d:0578:u",
    );
  }
  const owned = OWNED.find(([word]) => word.test(value));
  return owned && cmdlineInvalid(`${quoted(value)} ${owned[1]}`, owned[2]);
};

/** What pi-image installs itself, in a version that fits the cluster. */
const OWN_PACKAGES: Readonly<Record<string, string>> = {
  kubeadm: "cluster.kubernetes",
  kubectl: "cluster.kubernetes",
  kubelet: "cluster.kubernetes",
  "kubernetes-cni": "cluster.kubernetes",
  "cri-tools": "cluster.kubernetes",
  containerd: "cluster.runtime",
  "containerd.io": "cluster.runtime",
  "cri-o": "cluster.runtime",
};

/** Packages that bring a container runtime or a cluster of their own, which would fight with the node's. */
const RIVALS = /^(docker\.io|docker-ce|docker|podman-docker|k3s|microk8s)$/;

export const packageRule: TextRule = (value) => {
  const invalid = (message: string, hint: string): RuleFinding => ({
    code: "PACKAGE_INVALID",
    message,
    hint,
  });
  if (value === "") {
    return undefined;
  }
  const key = OWN_PACKAGES[value];
  if (key !== undefined) {
    return invalid(
      `${value} is installed anyway, in the version that fits the cluster`,
      `remove it; ${key} decides about it`,
    );
  }
  if (RIVALS.test(value)) {
    return invalid(
      `${value} brings a container runtime of its own, which would replace or disturb the cluster's`,
      "remove it; cluster.runtime chooses the runtime",
    );
  }
  // Debian's names, and the characters that Arch Linux allows besides.
  return /^[a-z0-9][a-z0-9@._+-]*$/.test(value)
    ? undefined
    : invalid(
        `${quoted(value)} is not the name of a package`,
        "write one name an entry, in lower case and without a version, for example nfs-common",
      );
};

export const fragmentPathRule: TextRule = (value) => {
  if (value === "") {
    return undefined;
  }
  const plain = value
    .replace(/^file:/, "")
    .replace(/^(\.\/)?cloud-init\/fragments\//, "");
  return /^[\w-][\w.-]*(\/[\w-][\w.-]*)*\.yaml$/.test(value) && plain === value
    ? undefined
    : {
        code: "FRAGMENT_PATH_INVALID",
        message: `${quoted(value)} is not the path of a fragment`,
        hint:
          plain !== value && plain.endsWith(".yaml")
            ? `write ${plain}: paths begin in cloud-init/fragments/`
            : "write the path below cloud-init/fragments/ beside this file, with its ending .yaml, for example own/motd.yaml",
      };
};

const HOST =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** No host name has a colon or digits only. */
const looksNumeric = (value: string): boolean =>
  /^[\d.]+$/.test(value) || value.includes(":");

export const timeServerRule: TextRule = (value) => {
  const known = looksNumeric(value)
    ? parseIp(value) !== undefined
    : HOST.test(value);
  return known || value === ""
    ? undefined
    : {
        code: "TIME_SERVER_INVALID",
        message: `${quoted(value)} is not the name or the address of a time server`,
        hint: /\s|,/.test(value)
          ? "write each server as an entry of its own"
          : "write a host name or an address, for example ntp.home.arpa",
      };
};

export const proxyRule: TextRule = (value) => {
  const invalid = (message: string, hint: string): RuleFinding => ({
    code: "PROXY_INVALID",
    message,
    hint,
  });
  if (/^[a-z0-9+]*:?\/{0,2}[^/@]*@/i.test(value)) {
    return {
      code: "SECRET_IN_FILE",
      message: "this address holds a user and a password",
      hint: "every program on the node could read them; let the proxy know the nodes by their addresses",
    };
  }
  if (value === "") {
    return undefined;
  }
  const [, literal, name = "", port = ""] =
    /^https?:\/\/(?:\[([0-9a-f:.]+)\]|([^/:[\]]+)):(\d{1,5})\/?$/i.exec(
      value,
    ) ?? [];
  const host = literal ?? name;
  const known = looksNumeric(host)
    ? parseIp(host) !== undefined
    : HOST.test(host);
  return known && Number(port) > 0 && Number(port) < 65_536
    ? undefined
    : invalid(
        `${quoted(value)} is not the address of a proxy`,
        "write http://, a host and a port, for example http://proxy.home.arpa:3128",
      );
};

export const proxyHostRule: TextRule = (value) => {
  const cidr = parseIpCidr(value);
  const known =
    cidr === undefined
      ? looksNumeric(value)
        ? parseIp(value) !== undefined
        : HOST.test(value.replace(/^\./, ""))
      : isNetwork(cidr);
  return known || value === ""
    ? undefined
    : {
        code: "PROXY_INVALID",
        message: `${quoted(value)} cannot be left out of a proxy`,
        hint:
          cidr === undefined
            ? "write a host, a domain with a leading dot, an address, or a network such as 10.0.0.0/8, one an entry"
            : `write the network itself, ${formatIpCidr(networkOfIp(cidr))}`,
      };
};
