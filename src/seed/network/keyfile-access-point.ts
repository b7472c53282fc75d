// Wi-Fi as netplan hands it on to NetworkManager: the network's name, its key, and what else a profile says.
// https://networkmanager.dev/docs/api/latest/nm-settings-keyfile.html
import type { Wifi } from "../../inventory/resolved.ts";
import type { Value } from "../library/tree.ts";

/** Such as is read as text by every NetworkManager: no blank at an end, no escape, and not like a list of numbers. */
const PLAIN = /^[A-Za-z][\w.-]*(?: [\w.-]+)*$/;

/**
 * The SSID as a key of netplan's `access-points`, which netplan writes as it is (with GKeyFile's escapes) behind `ssid=`.
 * NetworkManager reads numbers with semicolons as octets, so that every name can be written.
 */
export const keyfileName = (ssid: Wifi["ssid"]): string =>
  typeof ssid === "string" && PLAIN.test(ssid)
    ? ssid
    : [...Buffer.from(ssid)].map((octet) => `${octet};`).join("");

/** Settings of a profile that netplan has no keys for, by the names that NetworkManager has for them. */
export type ProfileSettings = Readonly<Record<string, string>>;

/**
 * The access point's settings.
 *
 * The passphrase is not derived to a key: where the radio can do SAE, NetworkManager offers it for WPA2 too, and an access
 * point with both then takes nothing else. https://github.com/raspberrypi/linux/issues/7634
 */
export const keyfileAccessPoint = (
  { hidden, security, password }: Wifi,
  profile: ProfileSettings,
  proof: Readonly<Record<string, Value>> = {
    "key-management": security === "wpa3" ? "sae" : "psk",
    password: password?.reveal() ?? "",
  },
): Value => ({
  ...(hidden ? { hidden: true } : {}),
  ...(security === "open" ? {} : { auth: proof }),
  ...(Object.keys(profile).length === 0
    ? {}
    : { networkmanager: { passthrough: profile } }),
});

/**
 * Of several networks the highest number wins: netplan and NetworkManager keep no order of their own. Power save, which makes a
 * node answer late or not at all, is off where Kubernetes uses the Wi-Fi (2: disable).
 */
export const profileSettings = (
  place: { readonly index: number; readonly count: number },
  isUplink: boolean,
): ProfileSettings => ({
  ...(place.count > 1
    ? { "connection.autoconnect-priority": String(place.count - place.index) }
    : {}),
  ...(isUplink ? { "wifi.powersave": "2" } : {}),
});
