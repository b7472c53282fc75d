// Rules for what people write about a board: lines for config.txt, mount points of the data disk, boot loader images, MAC
// addresses.
import { lineMistake, settingsOf } from "../../firmware/config-lines.ts";
import type { TextRule } from "./text-rule.ts";
import { quoted } from "../wording.ts";

/**
 * By model, by board type, by the level of a pin, by monitor, by the board's serial number.
 * https://www.raspberrypi.com/documentation/computers/config_txt.html#conditional-filters
 */
const FILTERS =
  /^(all|none|pi(0w?|02|[123]|3\+|4|400|5|500)|cm([0134]|3\+|4s|5)|board-type=0x[\da-f]{1,2}|gpio\d{1,2}=[01]|HDMI:[01]|EDID=[\w-]{1,32}|0x[\da-f]{8,16})$/;

/** Filters of one kind take each other's place, and those of several kinds add up. */
const kindOf = (filter: string): string =>
  /^(gpio\d+|HDMI|EDID|0x)/.exec(filter)?.[0] ?? "model";

/** Whether a line says nothing to the firmware. */
export const isRemark = (line: string): boolean => /^\s*(#|$)/.test(line);

/** The filters that hold for each line, as `ConfigSection` has them; undefined for lines that set nothing. */
export const sectionsOf = (
  lines: readonly (string | undefined)[],
): readonly (string | undefined)[] => {
  const filters = new Map<string, string>();
  return lines.map((line) => {
    const filter = line === undefined ? undefined : filterOf(line);
    if (filter === "all") {
      filters.clear();
    } else if (filter !== undefined) {
      filters.set(kindOf(filter), filter);
    }
    return line === undefined || filter !== undefined || isRemark(line)
      ? undefined
      : [...filters.values()].join(" ") || "all";
  });
};

/** The filter that a line such as [pi5] sets; undefined for a setting. */
export const filterOf = (line: string): string | undefined =>
  /^\[(.*)\]$/.exec(line)?.[1];

export const configRule: TextRule = (value) => {
  const filter = filterOf(value);
  if (filter !== undefined) {
    return FILTERS.test(filter)
      ? undefined
      : {
          code: "CONFIG_LINE_INVALID",
          message: `${quoted(value)} is not a filter that can stand here`,
          hint: /tryboot/.test(filter)
            ? "what is tried is the base image's business"
            : "write a model such as [pi5] or [cm4], [board-type=0x17], [gpio4=1], [HDMI:0], [EDID=NAME], a serial number, [none] or [all]",
        };
  }
  if (isRemark(value)) {
    return undefined;
  }
  const mistake = lineMistake(value);
  if (mistake !== undefined) {
    return {
      code: "CONFIG_LINE_INVALID",
      message: `${quoted(value)} cannot be used in config.txt: it ${mistake}`,
      hint: value.includes(" #")
        ? "write the comment as an entry of its own, before the setting"
        : "write one setting as config.txt has it, for example dtparam=i2c_arm=on",
    };
  }
  return settingsOf(value).some(
    ({ identity, value: set }) =>
      identity === "dtparam=pciex1_gen" && set !== "2" && set !== "1",
  )
    ? {
        code: "CONFIG_LINE_INVALID",
        message: `${quoted(value)} would set the PCIe speed without a way back`,
        hint: "set pcieGen: 3, which tries it and keeps it only where the link holds it",
      }
    : undefined;
};

/** The system's own folders, which mounting a disk must not hide. */
const SYSTEM_FOLDERS =
  /^\/(bin|boot|dev|etc|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var\/lib\/(cloud|dpkg|pi-image|systemd|apt|kubelet))(\/|$)/;

export const dataMountRule: TextRule = (value) => {
  const plain = /^(\/[A-Za-z0-9._-]+){1,8}$/.test(value);
  return plain &&
    !/\/\.{1,2}(\/|$)/.test(value) &&
    !SYSTEM_FOLDERS.test(value) &&
    !["/var", "/var/lib", "/var/log", "/home"].includes(value)
    ? undefined
    : {
        code: "DATA_MOUNT_INVALID",
        message: plain
          ? `a disk mounted on ${quoted(value)} would hide a folder that the system needs`
          : `${quoted(value)} is not a folder where a disk can be mounted`,
        hint: "write an absolute path of letters, digits, dots, - and _, for example /srv/data",
      };
};

/** The path of a reference that `imageRule` accepts. */
export const imagePath = (value: string): string => value.slice("file:".length);

export const imageRule: TextRule = (value) =>
  /^file:.+/.test(value)
    ? undefined
    : {
        code: "EEPROM_IMAGE_INVALID",
        message: `${quoted(value)} does not say where the boot loader image is`,
        hint: "write file: and a path",
      };

export const macRule: TextRule = (value) => {
  const hex = value.toLowerCase().replaceAll(/[:-]/g, "");
  const shaped = /^([0-9a-f]{2}([:-])[0-9a-f]{2})(\2[0-9a-f]{2}){4}$/i.test(
    value,
  );
  // The lowest bit of the first octet marks group addresses, which no interface has.
  return shaped && (Number.parseInt(hex.slice(0, 2), 16) & 1) === 0
    ? undefined
    : {
        code: "MAC_INVALID",
        message: `${quoted(value)} is not an Ethernet address of a board`,
        hint: "write six pairs of hex digits with colons, for example d8:3a:dd:01:02:03",
      };
};
