// What a node needs in config.txt and on the kernel command line.
import type { BootSettings } from "../image/boot/boot-settings.ts";
import { type ConfigSection, mergeSections } from "../firmware/config-lines.ts";
import { type Board, BOARD_FACTS, BOARDS } from "../inventory/boards/boards.ts";
import {
  completeHardware,
  type Hardware,
  systemLines,
} from "../inventory/boards/hardware.ts";
import { baseSystem } from "../inventory/boards/systems.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";

/**
 * The Raspberry Pi firmware may add `cgroup_disable=memory`; a later `cgroup_enable=memory` wins, and kubelet needs it.
 * `cgroup_memory=1` is what kernels before 6.6 read. https://github.com/raspberrypi/linux/issues/6980
 */
const CGROUP_ARGUMENTS = ["cgroup_enable=memory", "cgroup_memory=1"] as const;

/** The system's own settings for boards of one family, or of all families where the board is not known yet. */
const systemConfig = (
  boards: readonly Board[],
  hardware: Hardware,
  base: string,
): readonly ConfigSection[] =>
  mergeSections(
    boards.map((board) => {
      const facts = BOARD_FACTS[board];
      return {
        section: facts.filters[0] ?? "all",
        lines: systemLines(hardware, facts, baseSystem(base)),
      };
    }),
  );

/** What every node of every role needs with this base, whatever its board, its disk and its network. */
export const roleBootSettings = (base: string): BootSettings => ({
  config: systemConfig(BOARDS, completeHardware({}), base),
  cmdline: CGROUP_ARGUMENTS,
});

export const bootSettings = (node: ResolvedNode): BootSettings => {
  const [wifi] = node.network.wifi;
  return {
    config: [
      ...node.config,
      ...systemConfig([node.board], node.hardware, node.base),
    ],
    cmdline: [
      ...CGROUP_ARGUMENTS,
      ...node.host.cmdline,
      // The netplan of Ubuntu 22.04 cannot set the regulatory domain, but the kernel can, on every base.
      ...(wifi === undefined
        ? []
        : [`cfg80211.ieee80211_regdom=${wifi.country}`]),
    ],
  };
};
