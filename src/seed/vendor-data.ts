// A cloud-config as NoCloud vendor-data that survives other people's user-data.
import { FRAGMENT_HEADER } from "./library/parse-fragment.ts";
import { shellWord } from "./shell-assignments.ts";
import type { Value } from "./library/tree.ts";
import { writeDocument } from "./library/write-document.ts";

type Config = Readonly<Record<string, Value>>;

/** cloud-init takes a list as the words of a command and a text as a line of shell, and refuses anything else. */
const scriptLine = (command: Value): string =>
  Array.isArray(command)
    ? command.map((word) => shellWord(String(word))).join(" ")
    : typeof command === "string"
      ? command
      : "";

/**
 * cloud-init merges user-data over vendor-data and replaces whole lists, so a `runcmd` in user-data, such as Raspberry Pi
 * Imager writes, would drop ours. A vendor script is run in addition. A `write_files` in user-data would still replace ours,
 * but Imager writes none.
 * https://cloudinit.readthedocs.io/en/latest/explanation/vendordata.html
 * https://github.com/raspberrypi/rpi-imager/blob/main/src/customization_generator.cpp (generateCloudInitUserData)
 *
 * @param header comment lines for the start
 */
export const writeVendorData = (header: string, config: Config): string => {
  const { runcmd, ...rest } = config;
  const commands = Array.isArray(runcmd) ? runcmd.map(scriptLine) : [];
  return writeDocument(`#cloud-config-archive\n${header}`, [
    {
      type: "text/cloud-config",
      filename: "pi-image.yaml",
      content: writeDocument(`${FRAGMENT_HEADER}\n`, rest),
    },
    {
      type: "text/x-shellscript",
      filename: "pi-image.sh",
      content: ["#!/bin/sh", ...commands, ""].join("\n"),
    },
  ]);
};
