// A cloud-config as NoCloud vendor-data that survives other people's user-data.
import { FRAGMENT_HEADER } from "./library/parse-fragment.ts";
import { shellWord } from "./shell-assignments.ts";
import type { Value } from "./library/tree.ts";
import { writeDocument } from "./library/write-document.ts";

type Config = Readonly<Record<string, Value>>;

/** cloud-init takes a list for the words of a command and a text for a line of shell; it refuses all else. */
const scriptLine = (command: Value): string =>
  Array.isArray(command)
    ? command.map((word) => shellWord(String(word))).join(" ")
    : typeof command === "string"
      ? command
      : "";

/**
 * cloud-init lays user-data over vendor-data and replaces lists as a whole, so a `runcmd` in user-data, which Raspberry Pi
 * Imager writes, would drop ours. A script of the vendor is run beside it. `write_files` of user-data would still take the
 * place of ours; Imager writes none.
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
