// Lines of config.txt: which of them set the same thing, and how several lists of them become one.
// https://www.raspberrypi.com/documentation/computers/config_txt.html

/** Settings under one filter of config.txt, such as "all" or "pi5", or under several that add up: "pi5 gpio4=1". */
export type ConfigSection = {
  readonly section: string;
  /** Such as "dtparam=pciex1_gen=3". */
  readonly lines: readonly string[];
};

/** The firmware cuts longer lines. */
export const LONGEST_CONFIG_LINE = 98;

/** What to boot is the base image's business: on A/B images its own tools rewrite these. */
const NOT_OURS = ["kernel", "initramfs", "os_prefix", "cmdline", "include"];

/** The one kernel that we choose ourselves, and only where the base has it beside its own: hardware.ts. */
const CHOSEN_KERNEL = "kernel=kernel8.img";

/** Other names of a parameter: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#enable-pcie */
const ALIASES: Readonly<Record<string, string>> = { nvme: "pciex1" };

/** Each line of these adds to the ones before. */
const OVERLAYS = ["dtoverlay", "device_tree_overlay"];
const ADDING = [...OVERLAYS, "device_tree_param"];

/** Without a value it ends the overlay, so that parameters after it belong to the board again. */
const OVERLAY_END = /^(dtoverlay|device_tree_overlay)=$/;

const keyOf = (line: string): string => /^[^\s=]*/.exec(line)?.[0] ?? "";

/** Half a sentence that says why a line cannot stand in config.txt; undefined if it can. */
const formMistake = (line: string): string | undefined => {
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(line)) {
    return "contains characters that config.txt cannot hold, or blanks at its beginning or end";
  }
  if (line.length > LONGEST_CONFIG_LINE) {
    return `has ${line.length} characters, and the firmware reads ${LONGEST_CONFIG_LINE}`;
  }
  if (/\s#/.test(line)) {
    return "has a comment behind the setting, which the firmware takes for part of the value";
  }
  return OVERLAY_END.test(line) || /^[a-z]\w*(:\d)?=./i.test(line)
    ? undefined
    : "is not of the form key=value, without blanks around the =";
};

/** Half a sentence that says why a line cannot be one of the user's own; undefined if it can. */
export const lineMistake = (line: string): string | undefined =>
  formMistake(line) ??
  (NOT_OURS.includes(keyOf(line))
    ? `sets ${keyOf(line)}, which the base image and its own tools decide`
    : /^arm_64bit=0*$/.test(line)
      ? "asks for a 32-bit kernel, and the base images have none"
      : undefined);

/** One setting a line: `dtparam=a=1,b=2` sets two things. */
const single = (line: string): readonly string[] =>
  keyOf(line) === "dtparam"
    ? line
        .slice("dtparam=".length)
        .split(",")
        .map((parameter) => `dtparam=${parameter}`)
    : [line];

export type ConfigSetting = {
  /** Lines with the same identity set the same thing; the firmware takes the last. */
  readonly identity: string;
  readonly value: string;
  readonly line: string;
};

/** What a line sets. A parameter without a value is on. */
export const settingsOf = (line: string): readonly ConfigSetting[] =>
  single(line).map((one) => {
    const key = keyOf(one);
    const rest = one.slice(key.length + 1);
    if (ADDING.includes(key)) {
      return { identity: one, value: "", line: one };
    }
    // gpio=17=op,dh sets the state of those pins.
    if (key === "gpio") {
      const [pins = "", state = ""] = rest.split("=");
      return { identity: `gpio=${pins}`, value: state, line: one };
    }
    if (key !== "dtparam") {
      return { identity: key, value: rest, line: one };
    }
    const [name = "", value = "on"] = rest.split("=");
    return {
      identity: `dtparam=${ALIASES[name] ?? name}`,
      value,
      line: one,
    };
  });

/** Whether parameters after the line belong to its overlay. */
export const isOverlay = (line: string): boolean =>
  OVERLAYS.includes(keyOf(line)) && !OVERLAY_END.test(line);

/** Whether the line begins or ends an overlay. */
export const isScope = (line: string): boolean =>
  OVERLAYS.includes(keyOf(line));

/**
 * What the lines under one filter set. A parameter after an overlay belongs to that overlay if it has one of this name, so
 * the two stay together: another overlay may have a parameter of the same name.
 * https://github.com/raspberrypi/documentation/blob/master/documentation/asciidoc/computers/configuration/device-tree.adoc
 */
const settingsOfList = (lines: readonly string[]): readonly ConfigSetting[] => {
  const settings: ConfigSetting[] = [];
  for (const line of lines) {
    const at = settings.findLastIndex((setting) => isScope(setting.line));
    const overlay = settings[at];
    if (overlay !== undefined && keyOf(line) === "dtparam") {
      const unit = [overlay.line, ...single(line)].join("\n");
      settings[at] = { identity: unit, value: "", line: unit };
    } else {
      settings.push(...settingsOf(line));
    }
  }
  return settings;
};

/** One entry a section, [all] first, each setting once with its last value. Throws where one has a wrong form: a bug. */
export const mergeSections = (
  sections: readonly ConfigSection[],
): readonly ConfigSection[] => {
  const merged = new Map<string, Map<string, string>>([["all", new Map()]]);
  for (const { section, lines } of sections) {
    const settings = merged.get(section) ?? new Map<string, string>();
    merged.set(section, settings);
    const wrong = lines.find(
      (line) => line !== CHOSEN_KERNEL && lineMistake(line) !== undefined,
    );
    if (wrong !== undefined) {
      throw new Error(`not a setting for config.txt: ${JSON.stringify(wrong)}`);
    }
    for (const { identity, line } of settingsOfList(lines)) {
      settings.delete(identity);
      settings.set(identity, line);
    }
  }
  return [...merged]
    .map(([section, settings]) => ({
      section,
      lines: [...settings.values()].flatMap((unit) => unit.split("\n")),
    }))
    .filter(({ lines }) => lines.length > 0);
};
