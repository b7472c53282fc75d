// wpa_supplicant's own reading of a configuration, as a judge of what netplan writes from ours.
import { judge } from "./judge.ts";

type WpaConfiguration = {
  /** In hex, in the order of the file. */
  readonly ssids: readonly string[];
  readonly passphrases: readonly string[];
  readonly saePasswords: readonly string[];
  /** Every value of the text setting with this name, in the order of the file. */
  readonly textsOf: (name: string) => readonly string[];
  /** Lines in which it says what it could not read. */
  readonly errors: readonly string[];
};

/** It reads the file before it looks for the interface, of which there is none. */
export const parseWpa = (file: string): WpaConfiguration => {
  const { output } = judge("wpa_supplicant", [
    "-dd",
    "-K",
    "-D",
    "wired",
    "-i",
    "pi-image-none",
    "-c",
    file,
  ]);
  if (!output.includes("Reading configuration file")) {
    throw new Error(`wpa_supplicant did not read ${file}: ${output}`);
  }
  const dumps = (name: string): Buffer[] =>
    [
      ...output.matchAll(
        new RegExp(
          `^${name} - hexdump_ascii\\(len=(\\d+)\\):\\n((?: {5}.*\\n)+)`,
          "gm",
        ),
      ),
    ].map(([, length, lines = ""]) => {
      const octets = lines
        .split("\n")
        // Sixteen octets of three columns each, then the same as text.
        .flatMap(
          (line) => line.slice(5, 5 + 48).match(/[0-9a-f]{2}(?= |$)/g) ?? [],
        );
      return Buffer.from(octets.slice(0, Number(length)).join(""), "hex");
    });
  return {
    ssids: dumps("ssid").map((ssid) => ssid.toString("hex")),
    passphrases: dumps("PSK \\(ASCII passphrase\\)").map((text) =>
      text.toString("utf8"),
    ),
    saePasswords: dumps("sae_password").map((text) => text.toString("utf8")),
    textsOf: (name) => dumps(name).map((text) => text.toString("utf8")),
    errors: output
      .split("\n")
      .filter((line) => /^Line \d+:|Failed to read|Failed to parse/.test(line)),
  };
};
