// Wi-Fi as netplan takes it: the network's name and how to authenticate.
import { pbkdf2Sync } from "node:crypto";
import type { Wifi } from "../inventory/resolved.ts";
import type { Value } from "./tree.ts";

/**
 * The SSID as a key of netplan's `access-points`.
 *
 * Netplan puts it between the quotes of `ssid=P"..."`, where wpa_supplicant takes a backslash for an escape and a line feed
 * for the end. Quotes inside do no harm, but a `#` begins a comment where an even number of quotes stands before it.
 * https://github.com/canonical/netplan/blob/1.1/src/networkd.c#L1077 (older ones write `ssid="..."`, without escapes)
 * https://w1.fi/cgit/hostap/tree/src/utils/common.c?h=hostap_2_10 (printf_decode)
 * https://w1.fi/cgit/hostap/tree/src/utils/config.c?h=hostap_2_10 (wpa_config_get_line)
 */
export const accessPointName = (ssid: string): string =>
  ssid.replaceAll(/\\|\p{Cc}|(?<=".*)#/gsu, (character) =>
    character === "\\"
      ? String.raw`\\`
      : [...Buffer.from(character)]
          .map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`)
          .join(""),
  );

/**
 * Whether the passphrase can reach wpa_supplicant: netplan writes it as `psk="..."`, where nothing can be escaped, and a `#`
 * behind an odd number of the passphrase's own quotes would begin a comment. A derived key has neither character.
 */
export const isWritable = ({ security, password }: Wifi): boolean => {
  const parts = (password?.reveal() ?? "").split("#");
  return (
    security === "wpa2" ||
    !parts.some((_, index) => {
      const before = parts.slice(0, index).join("#");
      return index > 0 && (before.split('"').length - 1) % 2 === 1;
    })
  );
};

/**
 * The access point's settings.
 *
 * WPA2 gets the derived key, so that the card does not hold the passphrase, and `key-management: psk`: netplan since 0.107.1
 * offers SAE as well when only `password` is given, and SAE cannot use a derived key; an access point that offers both would
 * refuse the node. https://github.com/raspberrypi/linux/issues/7634
 * WPA3 and the transition of both need the passphrase itself; there, just that form is the right one.
 */
export const accessPoint = (wifi: Wifi): Value => ({
  ...(wifi.hidden ? { hidden: true } : {}),
  ...authentication(wifi),
});

const authentication = (wifi: Wifi): { readonly [key: string]: Value } => {
  const password = wifi.password?.reveal() ?? "";
  switch (wifi.security) {
    case "wpa2":
      return {
        auth: {
          "key-management": "psk",
          password: preSharedKey(password, wifi.ssid),
        },
      };
    case "wpa3":
      return { auth: { "key-management": "sae", password } };
    case "wpa2-wpa3":
      return { password };
    case "open":
      return {};
  }
};

/** IEEE 802.11i annex H.4: PBKDF2-HMAC-SHA1, salted with the SSID, 4096 rounds, 256 bits, as 64 hex digits. */
export const preSharedKey = (password: string, ssid: string): string =>
  /^[0-9a-f]{64}$/i.test(password)
    ? password.toLowerCase()
    : pbkdf2Sync(password, ssid, 4096, 32, "sha1").toString("hex");
