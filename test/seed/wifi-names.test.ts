// On each system, the program that joins Wi-Fi reads the very octets of a network's name and password that were asked for.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { stringify } from "yaml";
import { systemFacts } from "../../src/inventory/boards/systems.ts";
import type { ResolvedNode, Wifi } from "../../src/inventory/resolved.ts";
import { secret } from "../../src/report/secret.ts";
import {
  accessPoints,
  isWritable,
  preSharedKey,
} from "../../src/seed/network/access-point.ts";
import { networkdFiles } from "../../src/seed/network/networkd-files.ts";
import { describeWithTools } from "../support/tools.ts";
import { fc } from "../support/seeded.ts";
import { judgedFiles } from "./judged-files.ts";
import { KEYFILE_TOOLS, profilesIn } from "./network-manager.ts";
import { netplanJudges } from "./netplan-judges.ts";
import { homeWifi } from "./sample-project.ts";
import { anyText } from "./texts.ts";
import { parseWpa } from "./wpa-supplicant.ts";

/** Names that one of the programs reads as something else when they are written as they are. */
const TRAPS = [
  ...String.raw`\x41 C:\net P"x" "x" 'x' #x x# a"#b"# 65; 65;66; 65 2024 0 \s \n $HOME %s a=b [wifi] {} ~ null`.split(
    " ",
  ),
  ..." x|x |\\ x \\|a; b|\t|\n|x\ny|\u0000|\u00a0|caf\u00e9|😀😀😀😀😀😀😀😀".split(
    "|",
  ),
];

const octets = (name: Wifi["ssid"]): string =>
  Buffer.from(name).toString("hex");

const names = fc.uniqueArray(
  fc.oneof(
    fc.constantFrom(...TRAPS),
    fc.uint8Array({ minLength: 1, maxLength: 32 }),
    fc
      .array(fc.oneof(anyText, fc.constantFrom(...TRAPS)), { minLength: 1 })
      .map((parts) => parts.join(""))
      .filter((name) => name !== "" && Buffer.byteLength(name) <= 32),
  ),
  { minLength: 30, maxLength: 50, selector: octets },
);

/** Printable ASCII, as IEEE 802.11 has it, with blanks at its ends as well. */
const password = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
      fc.constantFrom(" ", '"', "'", "\\", "#", ";"),
    ),
    { minLength: 8, maxLength: 63 },
  )
  .map((characters) => characters.join(""));

const networks = names.chain((all) =>
  fc.tuple(
    ...all.map((ssid) =>
      fc.record({
        ssid: fc.constant(ssid),
        text: password,
        security: fc.constantFrom("wpa2" as const, "wpa3" as const),
      }),
    ),
  ),
);

const nodeWith = (
  base: string,
  wifi: readonly Wifi[],
): Pick<ResolvedNode, "base" | "network"> => ({
  base,
  network: {
    uplink: "wlan0",
    addressing: { method: "dhcp" },
    ipv6: "base",
    wifi,
  },
});

const document = (base: string, wifi: readonly Wifi[]): string =>
  stringify({
    network: {
      version: 2,
      wifis: {
        wlan0: {
          renderer: systemFacts(base).renderer,
          dhcp4: true,
          "access-points": accessPoints(nodeWith(base, wifi)),
        },
      },
    },
  });

const { file } = judgedFiles();
const judges = await netplanJudges();
const wifiOf = (
  asked: readonly { readonly ssid: Wifi["ssid"]; readonly text: string }[],
  security: Wifi["security"],
): Wifi[] =>
  asked.map(({ ssid, text }) => ({
    ...homeWifi,
    ssid,
    security,
    password: secret(text),
  }));

for (const { title, generate, knowsSae, since11 } of judges) {
  describeWithTools(
    ["ip", "netplan", "unshare", ...KEYFILE_TOOLS],
    `NetworkManager by ${title}`,
    () => {
      it("reads every name and passphrase on Raspberry Pi OS, in the order asked for", () => {
        fc.assert(
          fc.property(networks, (asked) => {
            const wifi = wifiOf(asked, "wpa2");
            const { root, status, output } = generate(
              "keyfiles",
              document("raspios-trixie", wifi),
            );
            expect({ status, output }).toEqual({ status: 0, output: "" });
            const read = profilesIn(root).toSorted(
              (a, b) => b.priority - a.priority,
            );
            expect(read.map(({ ssid, psk }) => [ssid, psk])).toEqual(
              asked.map(({ ssid, text }) => [octets(ssid), text]),
            );
            expect(new Set(read.map(({ powersave }) => powersave))).toEqual(
              new Set([2]),
            );
          }),
          { numRuns: 3, endOnFailure: true },
        );
      });
    },
  );

  if (since11 && knowsSae) {
    describeWithTools(
      ["ip", "unshare", "wpa_supplicant"],
      `wpa_supplicant by ${title}`,
      () => {
        it("reads every name and passphrase on Ubuntu", () => {
          fc.assert(
            fc.property(networks, (asked) => {
              const wifi = wifiOf(asked, "wpa3").filter(isWritable);
              const { root, status, output } = generate(
                "wpa",
                document("ubuntu-24.04", wifi),
              );
              expect({ status, output }).toEqual({ status: 0, output: "" });
              const read = parseWpa(join(root, "run/netplan/wpa-wlan0.conf"));
              expect(read.errors).toEqual([]);
              expect(
                new Map(
                  read.ssids.map((ssid, index) => [
                    ssid,
                    read.passphrases[index],
                  ]),
                ),
              ).toEqual(
                new Map(
                  wifi.map(({ ssid, password: text }) => [
                    octets(ssid),
                    text?.reveal(),
                  ]),
                ),
              );
            }),
            { numRuns: 3, endOnFailure: true },
          );
        });
      },
    );
  }
}

describeWithTools(["wpa_supplicant"], "wpa_supplicant alone", () => {
  it("reads every name and passphrase on Arch Linux ARM", () => {
    fc.assert(
      fc.property(networks, (asked) => {
        const wifi = asked.map(({ ssid, text, security }) => ({
          ...homeWifi,
          ssid,
          security,
          password: secret(text),
        }));
        const text = networkdFiles(document("archlinuxarm", wifi), "").find(
          ({ path }) => path.endsWith("/wpa_supplicant-wlan0.conf"),
        )?.text;
        const path = file("arch.conf", text ?? "");
        const read = parseWpa(path);
        expect(read.errors).toEqual([]);
        expect(read.ssids.toSorted()).toEqual(
          asked.map(({ ssid }) => octets(ssid)).toSorted(),
        );
        expect(read.saePasswords.toSorted()).toEqual(
          asked
            .flatMap(({ security, text }) =>
              security === "wpa3" ? [text] : [],
            )
            .toSorted(),
        );
        for (const { ssid, text, security } of asked) {
          expect(
            security === "wpa3" ||
              readFileSync(path, "utf8").includes(
                `  ssid=${octets(ssid)}\n  key_mgmt=WPA-PSK\n  psk=${preSharedKey(text, ssid)}\n`,
              ),
          ).toBe(true);
        }
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });

  it("can tell a name that is read as another", () => {
    const path = file(
      "wrong.conf",
      'network={\n  ssid=P"C:\\net"\n  key_mgmt=NONE\n}\n',
    );
    writeFileSync(path, readFileSync(path));
    expect(parseWpa(path).ssids).not.toEqual([octets("C:\\net")]);
  });
});
