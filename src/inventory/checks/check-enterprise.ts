// Whether a Wi-Fi network with `security: enterprise` has all that its method needs, and nothing that another needs.
import type { Problem } from "../../report/problem.ts";
import type { Draft, DraftCheck, DraftWifi } from "../draft.ts";
import { SYSTEM_AUTHORITIES } from "../rules/eap-rules.ts";
import type { Path } from "../yaml/yaml-file.ts";
import { writtenNetworks } from "../wifi-networks.ts";

type DraftEap = NonNullable<DraftWifi["eap"]>;

const finding = (
  at: Problem["at"],
  message: string,
  hint: string,
  label?: string,
): Problem => ({
  code: "WIFI_EAP_INVALID",
  severity: "error",
  message,
  at,
  label,
  hint,
});

const missing = (
  draft: Draft,
  place: Path,
  eap: DraftEap,
  key: keyof DraftEap,
  why: string,
  hint: string,
): readonly Problem[] =>
  eap[key] !== undefined || draft.isBroken([...place, "eap", key])
    ? []
    : [
        finding(
          draft.keyAt([...place, "eap"]),
          why,
          hint,
          `needs \`${String(key)}\``,
        ),
      ];

const surplus = (
  draft: Draft,
  place: Path,
  eap: DraftEap,
  keys: readonly (keyof DraftEap)[],
): readonly Problem[] =>
  keys.flatMap((key) =>
    eap[key] === undefined
      ? []
      : [
          finding(
            draft.keyAt([...place, "eap", key]),
            `\`${key}\` has no meaning with method: ${eap.method ?? ""}`,
            key === "inner"
              ? "remove it: TLS has no password to send"
              : "remove it, or set method: tls",
          ),
        ],
  );

/** The server has to be proven by somebody. */
const authority = (
  draft: Draft,
  place: Path,
  eap: DraftEap,
): readonly Problem[] => [
  ...missing(
    draft,
    place,
    eap,
    "ca",
    "nothing says how the network's server is proven, so that any access point of this name would get what the node sends",
    "add ca: file: and the certificate of the authority that the administrator of the network gives out",
  ),
  ...(eap.ca === SYSTEM_AUTHORITIES
    ? missing(
        draft,
        place,
        eap,
        "domain",
        "`ca: system` trusts every server on the Internet that has a certificate",
        "add domain: and the name of the network's server, for example domain: radius.example.org",
      )
    : []),
];

const byPassword = (
  draft: Draft,
  place: Path,
  wifi: DraftWifi,
  eap: DraftEap,
): readonly Problem[] => [
  ...(wifi.password !== undefined || draft.isBroken([...place, "password"])
    ? []
    : [
        finding(
          draft.keyAt(place),
          `method: ${eap.method ?? ""} proves the node by a password`,
          "add password: env:WIFI_PASSWORD",
          "needs `password`",
        ),
      ]),
  ...(eap.method === "peap" && eap.inner === "pap"
    ? [
        finding(
          draft.at([...place, "eap", "inner"]),
          "PEAP has no PAP inside",
          "remove `inner`, or set method: ttls",
        ),
      ]
    : []),
  ...surplus(draft, place, eap, [
    "certificate",
    "clientKey",
    "clientKeyPassword",
  ]),
];

const byCertificate = (
  draft: Draft,
  place: Path,
  wifi: DraftWifi,
  eap: DraftEap,
): readonly Problem[] => [
  ...(wifi.password === undefined
    ? []
    : [
        finding(
          draft.keyAt([...place, "password"]),
          "method: tls proves the node by its certificate, and has no password",
          "remove `password`; that of the key is eap.clientKeyPassword",
        ),
      ]),
  ...(["certificate", "clientKey"] as const).flatMap((key) =>
    missing(
      draft,
      place,
      eap,
      key,
      "method: tls proves the node by a certificate and its key",
      key === "certificate"
        ? "add certificate: file: and the path of the node's certificate"
        : "add clientKey: file: and the path of the certificate's private key",
    ),
  ),
  ...(eap.certificate === SYSTEM_AUTHORITIES
    ? [
        finding(
          draft.at([...place, "eap", "certificate"]),
          "the system has no certificate of the node",
          "write file: and the path of the node's certificate",
        ),
      ]
    : []),
  ...surplus(draft, place, eap, ["inner"]),
];

export const checkEnterprise: DraftCheck = (draft) =>
  writtenNetworks(draft).flatMap(({ network, path }): readonly Problem[] => {
    const { eap, security } = network;
    if (
      [[], ["eap"], ["security"], ["eap", "method"]].some((below) =>
        draft.isBroken([...path, ...below]),
      )
    ) {
      return [];
    }
    if (security !== "enterprise") {
      return eap === undefined
        ? []
        : [
            finding(
              draft.keyAt([...path, "eap"]),
              "`eap` is for networks with security: enterprise",
              "set security: enterprise, or remove `eap`",
            ),
          ];
    }
    if (eap === undefined) {
      return [
        finding(
          draft.keyAt(path),
          "an enterprise network needs to know how the node proves who it is",
          "add eap: {method: peap, identity: ..., ca: file:radius-ca.pem}",
          "needs `eap`",
        ),
      ];
    }
    return [
      ...authority(draft, path, eap),
      ...(eap.method === "tls"
        ? byCertificate(draft, path, network, eap)
        : byPassword(draft, path, network, eap)),
    ];
  });
