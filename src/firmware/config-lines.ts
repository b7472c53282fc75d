// Lines of config.txt: which of them set the same thing, and how several lists of them become one.
// https://www.raspberrypi.com/documentation/computers/config_txt.html

/** Settings under one filter of config.txt, such as "all" or "pi5". */
export type ConfigSection = {
  readonly section: string;
  /** Such as "dtparam=pciex1_gen=3". */
  readonly lines: readonly string[];
};

/** The firmware cuts longer lines. */
export const LONGEST_LINE = 98;

/** What to boot is the base image's business: on A/B images its own tools rewrite these. */
const NOT_OURS = ["kernel", "initramfs", "os_prefix", "cmdline", "include"];

/** Other names of a parameter: https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#enable-pcie */
const ALIASES: Readonly<Record<string, string>> = { nvme: "pciex1" };

const keyOf = (line: string): string => /^[^\s=]*/.exec(line)?.[0] ?? "";

/** Half a sentence that says why a line cannot stand in a block of ours; undefined if it can. */
export const lineMistake = (line: string): string | undefined => {
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(line)) {
    return "holds characters that config.txt cannot have, or blanks at an end";
  }
  if (line.length > LONGEST_LINE) {
    return `has ${line.length} characters, and the firmware reads ${LONGEST_LINE}`;
  }
  if (NOT_OURS.includes(keyOf(line))) {
    return `sets ${keyOf(line)}, which the base image and its own tools decide`;
  }
  return /^[a-z]\w*(:\d)?=./i.test(line)
    ? undefined
    : "is not of the form key=value, without blanks around the =";
};

/** One setting a line: `dtparam=a=1,b=2` sets two things. */
const single = (line: string): readonly string[] =>
  keyOf(line) === "dtparam"
    ? line
        .slice("dtparam=".length)
        .split(",")
        .map((parameter) => `dtparam=${parameter}`)
    : [line];

export type Setting = {
  /** Lines with the same identity set the same thing; the firmware takes the last. */
  readonly identity: string;
  readonly value: string;
  readonly line: string;
};

/** What a line sets. A parameter without a value is on. */
export const settingsOf = (line: string): readonly Setting[] =>
  single(line).map((one) => {
    const key = keyOf(one);
    const rest = one.slice(key.length + 1);
    // Each overlay is loaded on its own, and each parameter set on its own.
    if (key === "dtoverlay") {
      return { identity: one, value: "", line: one };
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

/** One entry a section, [all] first, each setting once with its last value. Throws where `lineMistake` finds one: a bug. */
export const mergeSections = (
  sections: readonly ConfigSection[],
): readonly ConfigSection[] => {
  const merged = new Map<string, Map<string, string>>([["all", new Map()]]);
  for (const { section, lines } of sections) {
    const settings = merged.get(section) ?? new Map<string, string>();
    merged.set(section, settings);
    for (const line of lines) {
      if (lineMistake(line) !== undefined) {
        throw new Error(
          `not a setting for config.txt: ${JSON.stringify(line)}`,
        );
      }
      for (const setting of settingsOf(line)) {
        settings.delete(setting.identity);
        settings.set(setting.identity, setting.line);
      }
    }
  }
  return [...merged]
    .map(([section, settings]) => ({ section, lines: [...settings.values()] }))
    .filter(({ lines }) => lines.length > 0);
};
