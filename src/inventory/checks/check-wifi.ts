// Whether each Wi-Fi network has a name, and a password where it needs one, and whether a list of networks fits together.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck, Draft, DraftWifi } from "../draft.ts";
import {
  networkTitle,
  writtenLists,
  writtenNetworks,
} from "../wifi-networks.ts";
import type { Path } from "../yaml/yaml-file.ts";

const passwordProblem = (
  draft: Draft,
  wifi: DraftWifi,
  place: Path,
): Problem | undefined => {
  const password = [...place, "password"];
  if (draft.isBroken(password) || draft.isBroken([...place, "security"])) {
    return undefined;
  }
  if (wifi.security === "enterprise") {
    return undefined;
  }
  const open = wifi.security === "open";
  if (open === (wifi.password === undefined)) {
    return undefined;
  }
  return open
    ? {
        code: "WIFI_PASSWORD_UNUSED",
        severity: "error",
        message: "an open network has no password",
        at: draft.keyAt(password),
        hint: "remove `password`, or set security: wpa2",
      }
    : {
        code: "WIFI_PASSWORD_MISSING",
        severity: "error",
        message: "the Wi-Fi network has no password",
        at: draft.keyAt(place),
        label: "needs `password`",
        hint: "add password: env:WIFI_PASSWORD, or set security: open",
      };
};

export const checkWifiPasswords: DraftCheck = (draft) =>
  writtenNetworks(draft).flatMap(
    ({ network, path }) => passwordProblem(draft, network, path) ?? [],
  );

const nameProblem = (
  draft: Draft,
  { ssid, ssidHex }: DraftWifi,
  place: Path,
): Problem | undefined => {
  const hex = [...place, "ssidHex"];
  if (draft.isBroken([...place, "ssid"]) || draft.isBroken(hex)) {
    return undefined;
  }
  if (ssid !== undefined && ssidHex !== undefined) {
    return {
      code: "WIFI_SSID_TWICE",
      severity: "error",
      message: "the Wi-Fi network has two names",
      at: draft.keyAt(hex),
      hint: "remove `ssidHex`, which is for names that cannot be written as text",
    };
  }
  return ssid === undefined && ssidHex === undefined
    ? {
        code: "WIFI_SSID_MISSING",
        severity: "error",
        message: "the Wi-Fi network has no name",
        at: draft.keyAt(place),
        label: "needs `ssid`",
        hint: "add `ssid`, the network's name",
      }
    : undefined;
};

export const checkWifiNames: DraftCheck = (draft) =>
  writtenNetworks(draft).flatMap(
    ({ network, path }) => nameProblem(draft, network, path) ?? [],
  );

/** The octets of a name, by which the two ways to write it (text and hexadecimal) can be compared. */
const octetsOf = ({ ssid, ssidHex }: DraftWifi): string | undefined =>
  ssid === undefined
    ? ssidHex?.toLowerCase()
    : Buffer.from(ssid).toString("hex");

const listProblems = (
  draft: Draft,
  networks: readonly { readonly network: DraftWifi; readonly path: Path }[],
): readonly Problem[] => {
  const [first, ...others] = networks;
  const country = first?.network.country;
  // The radio has one country at a time: https://www.kernel.org/doc/html/latest/networking/regulatory.html
  const abroad = others.filter(
    ({ network }) =>
      country !== undefined &&
      network.country !== undefined &&
      network.country !== country,
  );
  const twice = networks.filter(({ network }, index) =>
    networks
      .slice(0, index)
      .some(
        (earlier) =>
          octetsOf(earlier.network) !== undefined &&
          octetsOf(earlier.network) === octetsOf(network),
      ),
  );
  return [
    ...abroad.map(({ path }): Problem => ({
      code: "WIFI_COUNTRIES_DIFFER",
      severity: "error",
      message: `the radio follows the rules of one country, and the first network says ${country}`,
      at: draft.at([...path, "country"]),
      hint: "give every network in the list the country that the node is in",
    })),
    ...twice.map(({ network, path }): Problem => ({
      code: "WIFI_SSID_TAKEN",
      severity: "error",
      message: `the network ${networkTitle(network) ?? ""} is listed twice`,
      at: draft.at([...path, network.ssid === undefined ? "ssidHex" : "ssid"]),
      hint: "remove one of the two; access points that share a name are one network",
    })),
  ];
};

export const checkWifiLists: DraftCheck = (draft) =>
  writtenLists(draft).flatMap((networks) => listProblems(draft, networks));
