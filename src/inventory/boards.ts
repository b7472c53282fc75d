// What the boards can do, as far as an inventory can get it wrong.
import type { Board } from "./resolved.ts";

type BoardFacts = {
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
};

export const BOARD_FACTS: Readonly<Record<Board, BoardFacts>> = {
  "pi3b+": {
    title: "Raspberry Pi 3B+",
    pcie: undefined,
    memory: 1024,
    ubuntu2204: true,
    eepromForGenerations: undefined,
  },
  pi4: {
    title: "Raspberry Pi 4",
    pcie: undefined,
    memory: undefined,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
  },
  pi400: {
    title: "Raspberry Pi 400",
    pcie: undefined,
    memory: 4096,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
  },
  pi5: {
    title: "Raspberry Pi 5",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
  },
  // Only the Pi 500+ has the M.2 socket soldered; the name stands for both.
  pi500: {
    title: "Raspberry Pi 500",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
  },
  cm4: {
    title: "Compute Module 4",
    pcie: 2,
    memory: undefined,
    ubuntu2204: true,
    eepromForGenerations: "2022-11-25",
  },
  cm5: {
    title: "Compute Module 5",
    pcie: 3,
    memory: undefined,
    ubuntu2204: false,
    eepromForGenerations: "2025-02-11",
  },
};

/**
 * What kubeadm's preflight demands of a control plane, in MB (ControlPlaneMem).
 * https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/constants/constants_unix.go
 */
export const CONTROL_PLANE_MEMORY = 1700;
