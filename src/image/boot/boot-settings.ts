// Puts a node's boot settings into config.txt and into every command line that the firmware may use.
import type { ConfigSection } from "../../firmware/config-lines.ts";
import { UserError } from "../../report/user-error.ts";
import { bootPartitionUnsupported } from "./boot-partition-errors.ts";
import { effectiveCmdlinePaths, expandIncludes } from "./cmdline-paths.ts";
import { editCmdline } from "./cmdline-txt.ts";
import { editConfigTxt } from "./config-txt.ts";
import type { FatVolume } from "../fat/fat-volume.ts";

export type BootSettings = {
  readonly config: readonly ConfigSection[];
  /** Kernel parameters, such as "cgroup_enable=memory". */
  readonly cmdline: readonly string[];
};

export type BootTexts = {
  readonly configTxt: string;
  /** The one that an ordinary boot uses comes first. */
  readonly cmdlines: readonly {
    readonly path: string;
    readonly text: string;
  }[];
};

const CONFIG = "config.txt";
/** The firmware's text files are a few hundred bytes long. */
const LONGEST_TEXT = 64 * 1024;

/** A text that is not UTF-8 is decoded byte by byte, so that whatever we do not touch stays the same. */
const decode = (bytes: Buffer): { text: string; encoding: BufferEncoding } => {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes)
    ? { text, encoding: "utf8" }
    : { text: bytes.toString("latin1"), encoding: "latin1" };
};

const readText = (volume: FatVolume, path: string) => {
  const bytes = volume.readFile(path);
  if (bytes !== undefined && bytes.length > LONGEST_TEXT) {
    throw bootPartitionUnsupported(
      `${path} in the boot partition has ${bytes.length} bytes, too many for settings`,
    );
  }
  return bytes === undefined ? undefined : decode(bytes);
};

const editText = (
  volume: FatVolume,
  path: string,
  edit: (text: string) => string,
): string => {
  const before = readText(volume, path);
  const edited = edit(before?.text ?? "");
  if (edited !== (before?.text ?? "")) {
    volume.writeFile(path, Buffer.from(edited, before?.encoding ?? "utf8"));
  }
  return edited;
};

/**
 * Edits the files in the volume and returns their new texts. Applied again, it changes nothing.
 * Throws BOOT_CMDLINE_MISSING when there is no command line to edit.
 */
export const applyBootSettings = (
  volume: FatVolume,
  settings: BootSettings,
): BootTexts => {
  const configTxt = editText(volume, CONFIG, (text) =>
    editConfigTxt(text, settings.config),
  );
  const whole = expandIncludes(
    configTxt,
    (path) => readText(volume, path)?.text,
  );
  const paths = effectiveCmdlinePaths(whole, volume.exists);
  if (paths.length === 0) {
    throw new UserError(
      "BOOT_CMDLINE_MISSING",
      "the boot partition has no kernel command line: neither cmdline.txt nor the file that config.txt names exists",
      {
        state: "nothing was written",
        hint: "use a base image as its makers publish it",
      },
    );
  }
  const cmdlines = paths.map((path) => ({
    path,
    text: editText(volume, path, (text) => editCmdline(text, settings.cmdline)),
  }));
  return { configTxt, cmdlines };
};
