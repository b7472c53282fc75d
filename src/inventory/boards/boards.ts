// What the boards can do, limited to what an inventory can get wrong.

export const BOARDS = [
  "pi3b+",
  "pi4",
  "pi400",
  "pi5",
  "pi500",
  "cm4",
  "cm5",
] as const;
export type Board = (typeof BOARDS)[number];

export type BoardFacts = {
  readonly title: string;
  /**
   * The fastest PCIe generation of the connector that a disk can use; undefined without one. The BCM2711 ends at
   * Gen 2, and on Pi 4 and 400 its only lane goes to the USB controller.
   * https://github.com/raspberrypi/documentation/blob/master/documentation/asciidoc/computers/raspberry-pi/pcie.adoc
   */
  readonly pcie: 2 | 3 | undefined;
  /** Memory in MB where every board of this name has the same; undefined where it is sold in sizes. */
  readonly memory: number | undefined;
  /**
   * Whether Ubuntu 22.04 boots on it.
   * https://github.com/canonical/ubuntu-boards-documentation
   */
  readonly ubuntu2204: boolean;
  /**
   * The oldest boot EEPROM that boots an image with two generations of its boot files (`tryboot_a_b`, Ubuntu 25.10 and
   * later); undefined where the board has none.
   * https://github.com/canonical/ubuntu-boards-documentation
   */
  readonly eepromForGenerations: string | undefined;
  /**
   * The chip, which says which boot loader images fit; undefined where the board has no boot EEPROM. The ROM of the Compute
   * Module 4 starts no recovery.bin from its eMMC.
   * https://github.com/raspberrypi/rpi-eeprom/blob/master/rpi-eeprom-update
   */
  readonly bootLoader: 2711 | 2712 | undefined;
  readonly recoveryFromCard: boolean;
  /**
   * The filters of config.txt, besides [all], whose lines apply to this board; the first is that of its family.
   * https://www.raspberrypi.com/documentation/computers/config_txt.html#model-filters
   */
  readonly filters: readonly string[];
  /**
   * Whether its boot loader needs PCIE_PROBE=1 to look for a disk behind an adapter that is not a HAT+.
   * https://github.com/raspberrypi/rpi-eeprom/blob/master/firmware-2712/release-notes.md (2023-11-20)
   */
  readonly probesPcie: boolean;
  /** Whether it has the four-pin connector that the Active Cooler uses. */
  readonly fan: boolean;
  /** Whether a PoE or PoE+ HAT fits. */
  readonly poeHat: boolean;
  /**
   * The chip of its own Wi-Fi. That of the Pi 400 is from another maker, whose firmware cannot do WPA3 (SAE); those of the others can
   * since their firmware 7.45.265.
   * https://github.com/raspberrypi/linux/issues/7610, https://github.com/raspberrypi/linux/pull/5945
   */
  readonly radio: "CYW43455" | "BCM43456";
};

export const BOARD_FACTS: Readonly<Record<Board, BoardFacts>> = {
  "pi3b+": {
    title: "Raspberry Pi 3B+",
    pcie: undefined,
    memory: 1024,
    ubuntu2204: true,
    eepromForGenerations: undefined,
    bootLoader: undefined,
    recoveryFromCard: false,
    filters: ["pi3", "pi3+"],
    probesPcie: false,
    fan: false,
    poeHat: true,
    radio: "CYW43455",
  },
  pi4: {
    title: "Raspberry Pi 4",
    pcie: undefined,
    memory: undefined,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
    bootLoader: 2711,
    recoveryFromCard: true,
    filters: ["pi4"],
    probesPcie: false,
    fan: false,
    poeHat: true,
    radio: "CYW43455",
  },
  pi400: {
    title: "Raspberry Pi 400",
    pcie: undefined,
    memory: 4096,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
    bootLoader: 2711,
    recoveryFromCard: true,
    filters: ["pi4", "pi400"],
    probesPcie: false,
    fan: false,
    poeHat: false,
    radio: "BCM43456",
  },
  pi5: {
    title: "Raspberry Pi 5",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
    bootLoader: 2712,
    recoveryFromCard: true,
    filters: ["pi5"],
    probesPcie: true,
    fan: true,
    poeHat: false,
    radio: "CYW43455",
  },
  // The name stands for both the Pi 500 and the Pi 500+, of which only the latter has the M.2 socket.
  pi500: {
    title: "Raspberry Pi 500",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
    bootLoader: 2712,
    recoveryFromCard: true,
    filters: ["pi5", "pi500"],
    probesPcie: false,
    fan: false,
    poeHat: false,
    radio: "CYW43455",
  },
  cm4: {
    title: "Compute Module 4",
    pcie: 2,
    memory: undefined,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
    bootLoader: 2711,
    recoveryFromCard: false,
    filters: ["pi4", "cm4"],
    probesPcie: false,
    fan: false,
    poeHat: true,
    radio: "CYW43455",
  },
  cm5: {
    title: "Compute Module 5",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
    bootLoader: 2712,
    recoveryFromCard: false,
    filters: ["pi5", "cm5"],
    probesPcie: true,
    fan: true,
    poeHat: true,
    radio: "CYW43455",
  },
};

/**
 * What kubeadm's preflight demands of a control plane, in MB (ControlPlaneMem).
 * https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/constants/constants_unix.go
 */
export const CONTROL_PLANE_MEMORY = 1700;
