// Enterprise Wi-Fi (IEEE 802.1X): how the node proves who it is, and the files by which it knows the network's server.
import { systemFacts } from "../../inventory/boards/systems.ts";
import type { Eap, ResolvedNode, Wifi } from "../../inventory/resolved.ts";
import { SYSTEM_AUTHORITIES } from "../../inventory/rules/eap-rules.ts";
import type { Value } from "../library/tree.ts";
import type { SuppliedFile } from "../supplied-files.ts";

const FOLDER = "/etc/pi-image/wifi";

/** Of ca-certificates, on Debian, Ubuntu and Arch Linux. */
const SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/**
 * What knows the domain of the network's server. netplan has no key for it, so on Ubuntu the node's script wifi-priorities writes it
 * into wpa_supplicant's configuration.
 */
export type DomainKeeper = "profile" | "script" | "file";

const keeperOf = (base: string): DomainKeeper => {
  const { renderer, cloudInit } = systemFacts(base);
  return renderer === "NetworkManager"
    ? "profile"
    : cloudInit
      ? "script"
      : "file";
};

/** Networks are counted from 1 in the order of the inventory. */
const wifiPaths = (eap: Eap, index: number, keeper: DomainKeeper) => {
  const own = `${FOLDER}/${index + 1}`;
  const kept = eap.ca === SYSTEM_AUTHORITIES ? SYSTEM_BUNDLE : `${own}-ca.pem`;
  return {
    kept,
    // The script lays the authority there once the domain is set: until then the node proves nobody and tells nothing.
    ca:
      eap.domain !== undefined && keeper === "script"
        ? `/run/pi-image-wifi/${index + 1}-ca.pem`
        : kept,
    certificate: `${own}.pem`,
    key: `${own}.key`,
  };
};

/**
 * The settings as netplan has them under `auth`, and for the first boot's script the domain too.
 * https://netplan.readthedocs.io/en/stable/netplan-yaml/#properties-for-auth
 */
export const enterpriseAuth = (
  { password, eap }: Wifi,
  index: number,
  base: string,
): Readonly<Record<string, Value>> => {
  if (eap === undefined) {
    throw new Error("an enterprise network has its settings");
  }
  const keeper = keeperOf(base);
  const paths = wifiPaths(eap, index, keeper);
  const inner = eap.method === "tls" ? undefined : eap.inner;
  return {
    "key-management": "eap",
    method: eap.method,
    identity: eap.identity,
    ...(eap.anonymousIdentity === undefined
      ? {}
      : { "anonymous-identity": eap.anonymousIdentity }),
    "ca-certificate": paths.ca,
    ...(eap.domain !== undefined && keeper === "file"
      ? { "domain-suffix-match": eap.domain }
      : {}),
    ...(inner === undefined
      ? {}
      : {
          password: password?.reveal() ?? "",
          // wpa_supplicant wants capital letters, NetworkManager small ones.
          "phase2-auth": keeper === "profile" ? inner : inner.toUpperCase(),
        }),
    ...(eap.method === "tls"
      ? {
          "client-certificate": paths.certificate,
          "client-key": paths.key,
          ...(eap.keyPassword === undefined
            ? {}
            : { "client-key-password": eap.keyPassword.reveal() }),
        }
      : {}),
  };
};

/** https://networkmanager.dev/docs/libnm/latest/NMSetting8021x.html */
export const enterpriseProfile = ({
  eap,
}: Wifi): Readonly<Record<string, string>> =>
  eap?.domain === undefined ? {} : { "802-1x.domain-suffix-match": eap.domain };

/** Whether the node's script has to write a domain. */
export const needsDomainScript = ({
  base,
  network: { wifi },
}: Pick<ResolvedNode, "base" | "network">): boolean =>
  keeperOf(base) === "script" &&
  wifi.some(({ eap }) => eap?.domain !== undefined);

const readable = (path: string, text: string): SuppliedFile => ({
  path,
  mode: "0644",
  text,
});

const filesOf = (
  eap: Eap,
  index: number,
  keeper: DomainKeeper,
): readonly SuppliedFile[] => {
  const { kept, certificate, key } = wifiPaths(eap, index, keeper);
  return [
    ...(eap.ca === SYSTEM_AUTHORITIES ? [] : [readable(kept, eap.ca)]),
    ...(eap.method === "tls"
      ? [
          readable(certificate, eap.certificate),
          {
            path: key,
            mode: "0600" as const,
            text: `${eap.key.reveal()}\n`,
            secret: true as const,
          },
        ]
      : []),
  ];
};

/**
 * Certificates and keys, and for the script lines of where an authority lies, where it is to lie, the domain and the network's name.
 * @param nameOf the network's name as it stands in wpa_supplicant's configuration
 */
export const enterpriseFiles = (
  { base, network: { wifi } }: ResolvedNode,
  nameOf: (ssid: Wifi["ssid"]) => string,
): readonly SuppliedFile[] => {
  const keeper = keeperOf(base);
  const domains = wifi.flatMap(({ ssid, eap }, index) => {
    if (eap?.domain === undefined || keeper !== "script") {
      return [];
    }
    const { kept, ca } = wifiPaths(eap, index, keeper);
    return [`${kept} ${ca} ${eap.domain} ${nameOf(ssid)}\n`];
  });
  return [
    ...wifi.flatMap(({ eap }, index) =>
      eap === undefined ? [] : filesOf(eap, index, keeper),
    ),
    ...(domains.length === 0
      ? []
      : [readable(`${FOLDER}/domains`, domains.join(""))]),
  ];
};
