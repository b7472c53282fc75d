// What a node needs in config.txt and on the kernel command line.
import type { BootSettings } from "../image/boot/boot-settings.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";

/**
 * The Raspberry Pi firmware may add `cgroup_disable=memory`; a later `cgroup_enable=memory` wins, and kubelet needs it.
 * `cgroup_memory=1` is what kernels before 6.6 read. https://github.com/raspberrypi/linux/issues/6980
 */
const CGROUP_ARGUMENTS = ["cgroup_enable=memory", "cgroup_memory=1"] as const;

/** What every node of every role needs, whatever its disk and its network. */
export const ROLE_BOOT_SETTINGS: BootSettings = {
  config: [],
  cmdline: CGROUP_ARGUMENTS,
};

export const bootSettings = (node: ResolvedNode): BootSettings => {
  const [wifi] = node.network.wifi;
  return {
    config: node.config,
    cmdline: [
      ...CGROUP_ARGUMENTS,
      // The netplan of Ubuntu 22.04 cannot set the regulatory domain, but the kernel can, on every base.
      ...(wifi === undefined
        ? []
        : [`cfg80211.ieee80211_regdom=${wifi.country}`]),
    ],
  };
};
