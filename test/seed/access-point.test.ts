import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Wifi } from "../../src/inventory/resolved.ts";
import { secret } from "../../src/report/secret.ts";
import {
  accessPoint,
  accessPointName,
  isPlainName,
  isWritable,
  preSharedKey,
} from "../../src/seed/network/access-point.ts";
import { describeWithTools } from "../support/tools.ts";
import { homeWifi } from "./sample-project.ts";
import { judge } from "./judge.ts";
import { anyText } from "./texts.ts";
import { parseWpa } from "./wpa-supplicant.ts";
import { fc } from "../support/seeded.ts";

const folder = mkdtempSync(join(tmpdir(), "pi-image-wpa-"));

afterAll(() => rmSync(folder, { recursive: true }));

const network = (lines: readonly string[]) => {
  const file = join(folder, "wpa.conf");
  writeFileSync(
    file,
    `network={\n${lines.map((line) => `  ${line}\n`).join("")}}\n`,
  );
  return parseWpa(file);
};

/** An SSID as netplan since 1.1 writes it: it escapes quotes and nothing else. */
const asNetplanWrites = (key: string) =>
  `ssid=P"${key.replaceAll('"', '\\"')}"`;

/** 1 to 32 octets, with what breaks quoting more often than chance would bring it. */
const ssids = fc
  .array(
    fc.oneof(
      anyText,
      fc.constantFrom(
        '"',
        "\\",
        "#",
        "\n",
        "\\x41",
        "\\n",
        "'",
        "$",
        "&",
        "😀",
        " ",
        "\u0085",
        "\u2028",
        "%",
      ),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join(""))
  .filter((ssid) => ssid !== "" && Buffer.byteLength(ssid) <= 32);

/** Printable ASCII, as IEEE 802.11 has passphrases. */
const passphrases = fc.string({
  unit: "grapheme-ascii",
  minLength: 8,
  maxLength: 63,
});

describe("accessPoint", () => {
  const entry = (wifi: Partial<Wifi>) => accessPoint({ ...homeWifi, ...wifi });

  it("gives WPA2 the derived key and no SAE", () => {
    // IEEE Std 802.11i-2004, annex H.4.3: the first test vector.
    const wifi = { ssid: "IEEE", password: secret("password") };
    expect(entry(wifi)).toEqual({
      auth: {
        "key-management": "psk",
        password:
          "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e",
      },
    });
  });

  it("takes a key of 64 hex digits as it is", () => {
    const key = "0123456789ABCDEF".repeat(4);
    expect(preSharedKey(key, "any")).toBe(key.toLowerCase());
  });

  it("gives WPA3 and the transition the passphrase, open networks nothing", () => {
    expect(entry({ security: "wpa3" })).toEqual({
      auth: { "key-management": "sae", password: "correct horse battery" },
    });
    expect(entry({ security: "wpa2-wpa3" })).toEqual({
      password: "correct horse battery",
    });
    expect(
      entry({ security: "open", password: undefined, hidden: true }),
    ).toEqual({ hidden: true });
  });
});

describeWithTools(["wpa_passphrase"], "wpa_passphrase", () => {
  it("derives the same keys", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 32 }),
        passphrases,
        (ssid, password) => {
          const { output } = judge("wpa_passphrase", [ssid], `${password}\n`);
          expect(output).toContain(`\n\tpsk=${preSharedKey(password, ssid)}\n`);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describeWithTools(["wpa_supplicant"], "wpa_supplicant", () => {
  const expectReadAsIs = (ssid: string | Uint8Array): void => {
    const { ssids: read, errors } = network([
      asNetplanWrites(accessPointName(ssid)),
      "key_mgmt=NONE",
    ]);
    expect(errors).toEqual([]);
    expect(read).toEqual([Buffer.from(ssid).toString("hex")]);
  };

  it("reads the very octets of every SSID", () => {
    fc.assert(
      fc.property(ssids, (ssid) => expectReadAsIs(ssid)),
      { numRuns: 50 },
    );
  });

  it("reads any 1 to 32 octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 32 }), (ssid) =>
        expectReadAsIs(ssid),
      ),
      { numRuns: 50 },
    );
  });

  it("reads names without escapes as netplan before 1.1 writes them, and no others", () => {
    fc.assert(
      fc.property(ssids, (ssid) => {
        const { ssids: read } = network([`ssid="${ssid}"`, "key_mgmt=NONE"]);
        const same = read[0] === Buffer.from(ssid).toString("hex");
        expect(same || !isPlainName(ssid)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("reads every passphrase that isWritable lets through, and no other", () => {
    fc.assert(
      fc.property(
        fc
          .oneof(
            passphrases,
            passphrases.map((text) =>
              text.replaceAll(/[a-k]/g, '"').replaceAll(/[l-z]/g, "#"),
            ),
          )
          .filter((text) => text.length < 64),
        (text) => {
          const wifi: Wifi = {
            ...homeWifi,
            security: "wpa3",
            password: secret(text),
          };
          const { errors, passphrases: read } = network([
            'ssid=P"x"',
            "key_mgmt=SAE",
            `psk="${text}"`,
          ]);
          expect(errors.length === 0 && read[0] === text).toBe(
            isWritable(wifi),
          );
        },
      ),
    );
  });

  it("refuses what is wrong", () => {
    const { errors } = network([
      'ssid=P"x"',
      "key_mgmt=WPA-PSX",
      'psk="short"',
    ]);
    expect(errors.length).toBeGreaterThan(0);
  });
});
