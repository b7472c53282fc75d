// Wi-Fi as netplan hands it on to wpa_supplicant: the network's name and how to authenticate.
import { pbkdf2Sync } from "node:crypto";
import { systemFacts } from "../../inventory/boards/systems.ts";
import type { ResolvedNode, Wifi } from "../../inventory/resolved.ts";
import type { Value } from "../library/tree.ts";
import { enterpriseAuth, enterpriseProfile } from "./enterprise.ts";
import {
  keyfileAccessPoint,
  keyfileName,
  profileSettings,
} from "./keyfile-access-point.ts";

/**
 * The SSID as a key of netplan's `access-points`.
 *
 * Netplan puts it between the quotes of `ssid=P"..."`, where wpa_supplicant takes a backslash as an escape and a line feed
 * as the end. Quotes inside do no harm, but a `#` begins a comment where an even number of quotes stands before it.
 * https://github.com/canonical/netplan/blob/1.1/src/networkd.c#L1077 (older ones write `ssid="..."`, without escapes)
 * https://w1.fi/cgit/hostap/tree/src/utils/common.c?h=hostap_2_10 (printf_decode)
 * https://w1.fi/cgit/hostap/tree/src/utils/config.c?h=hostap_2_10 (wpa_config_get_line)
 */
export const accessPointName = (ssid: Wifi["ssid"]): string =>
  typeof ssid === "string" ? escaped(ssid) : octets(ssid);

const escaped = (text: string): string =>
  text.replaceAll(/\\|\p{Cc}|(?<=".*)#/gsu, (character) =>
    character === "\\" ? String.raw`\\` : octets(Buffer.from(character)),
  );

/** `\xNN` for each octet. */
const octets = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/**
 * Whether netplan before 1.1, which writes `ssid="..."`, passes the name on unchanged: nothing can be escaped there, and
 * everything between the first and the last quote is taken literally.
 */
export const isPlainName = (ssid: Wifi["ssid"]): boolean =>
  typeof ssid === "string" && accessPointName(ssid) === ssid;

/**
 * Whether a network's password can reach wpa_supplicant: netplan writes it as `psk="..."`, where nothing can be escaped, and a `#`
 * after an odd number of the password's own quotes would begin a comment. A derived key has neither character.
 */
export const isWritable = ({ security, password, eap }: Wifi): boolean =>
  security === "wpa2" ||
  [password, eap?.method === "tls" ? eap.keyPassword : undefined].every(
    (secret) => {
      const parts = (secret?.reveal() ?? "").split("#");
      return !parts.some((_, index) => {
        const before = parts.slice(0, index).join("#");
        return index > 0 && (before.split('"').length - 1) % 2 === 1;
      });
    },
  );

/** All of a node's networks as netplan's `access-points`, in which their order has no meaning. */
export const accessPoints = ({
  base,
  network: { wifi, uplink },
}: Pick<ResolvedNode, "base" | "network">): Value =>
  Object.fromEntries(
    systemFacts(base).renderer === "NetworkManager"
      ? wifi.map((network, index) => [
          keyfileName(network.ssid),
          keyfileAccessPoint(
            network,
            {
              ...profileSettings(
                { index, count: wifi.length },
                uplink === "wlan0",
              ),
              ...enterpriseProfile(network),
            },
            network.security === "enterprise"
              ? enterpriseAuth(network, index, base)
              : undefined,
          ),
        ])
      : wifi.map((network, index) => [
          accessPointName(network.ssid),
          network.security === "enterprise"
            ? accessPoint(network, {
                auth: enterpriseAuth(network, index, base),
              })
            : accessPoint(network),
        ]),
  );

/**
 * Lines `number name` for the node's script wifi-priorities: netplan has no key for a preference. The first network gets the
 * highest number. https://w1.fi/cgit/hostap/plain/wpa_supplicant/wpa_supplicant.conf (priority)
 */
export const wifiPriorities = (wifi: readonly Wifi[]): string =>
  wifi
    .map(
      ({ ssid }, index) => `${wifi.length - index} ${accessPointName(ssid)}\n`,
    )
    .join("");

/**
 * The access point's settings.
 *
 * WPA2 gets the derived key, so that the card does not hold the passphrase, and `key-management: psk`: netplan since 0.107.1
 * offers SAE as well when only `password` is given, and SAE cannot use a derived key; an access point that offers both would
 * refuse the node. https://github.com/raspberrypi/linux/issues/7634 WPA3, and the transition mode of both, need the
 * passphrase itself, for which `password` alone is the right form.
 */
export const accessPoint = (
  wifi: Wifi,
  proof: Readonly<Record<string, Value>> = authentication(wifi),
): Value => ({
  ...(wifi.hidden ? { hidden: true } : {}),
  ...proof,
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
    case "enterprise":
      throw new Error(
        "how an enterprise network is joined depends on the node",
      );
  }
};

/** IEEE 802.11i annex H.4: PBKDF2-HMAC-SHA1, salted with the SSID, 4096 rounds, 256 bits, as 64 hex digits. */
export const preSharedKey = (password: string, ssid: Wifi["ssid"]): string =>
  /^[0-9a-f]{64}$/i.test(password)
    ? password.toLowerCase()
    : pbkdf2Sync(password, ssid, 4096, 32, "sha1").toString("hex");
