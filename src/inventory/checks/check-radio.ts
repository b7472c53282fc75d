// The Wi-Fi of a node against the radio that it has: the board's own, or an adapter that the inventory names.
import type { Problem } from "../../report/problem.ts";
import { BOARD_FACTS } from "../boards/boards.ts";
import { systemFacts } from "../boards/systems.ts";
import type { DraftCheck, Draft, DraftWifi } from "../draft.ts";
import { isWired } from "../draft-gateway.ts";
import {
  hardwareOf,
  nodesOf,
  type NumberedNode,
  settingOf,
  settingPlace,
  titleOf,
} from "../settings.ts";
import { adapterAddress, isWireless } from "../wifi-adapters.ts";
import { networksOf } from "../wifi-networks.ts";

/**
 * Lines of config.txt that also switch the radio off:
 * https://github.com/raspberrypi/firmware/blob/master/boot/overlays/README
 */
const RADIO_OFF = /^dtoverlay=disable-wifi(-pi5)?$/;

/** What switches the board's own radio off, with its place. */
const switches = (draft: Draft, { index, node }: NumberedNode) => {
  const own = node.hardware?.wifi !== undefined;
  const config = settingOf(draft, index, "config");
  const line = (config?.value ?? []).findIndex((text) =>
    RADIO_OFF.test(text ?? ""),
  );
  return [
    ...(hardwareOf(draft, index)?.wifi === false
      ? [
          {
            what: "`hardware`",
            path: [
              ...(own ? ["nodes", index] : ["defaults"]),
              "hardware",
              "wifi",
            ],
          },
        ]
      : []),
    ...(config !== undefined && line >= 0
      ? [{ what: "a line of `config`", path: [...config.path, line] }]
      : []),
  ];
};

/** The Wi-Fi adapter that the inventory names; undefined for the board's own radio, which is wlan0 unless it is off. */
const adapterOf = (
  draft: Draft,
  numbered: NumberedNode,
): string | undefined => {
  const { index } = numbered;
  const name =
    isWired(draft, index) === false
      ? settingOf(draft, index, "interface")?.value
      : undefined;
  return name === "wlan0" && switches(draft, numbered).length === 0
    ? undefined
    : name;
};

/** A node with Wi-Fi settings and no radio would wait for the network for ever. */
const radioOff = (draft: Draft, numbered: NumberedNode): readonly Problem[] => {
  const { node } = numbered;
  if (
    !(node.wifi ?? draft.content.defaults?.wifi) ||
    adapterOf(draft, numbered) !== undefined
  ) {
    return [];
  }
  return switches(draft, numbered).map(({ what, path }) => ({
    code: "RADIO_OFF",
    severity: "error",
    message: `${titleOf(numbered)} has a Wi-Fi network, and ${what} switches its radio off`,
    at: draft.at(path),
    hint: `set wifi: false at the node, or remove ${what === "`hardware`" ? "hardware.wifi" : "the line"}; for an adapter on USB name it as the node's \`interface\``,
  }));
};

/** A name that no adapter gets: the node would wait for it for ever. */
const adapterName = (
  draft: Draft,
  numbered: NumberedNode,
): readonly Problem[] => {
  const { index } = numbered;
  const found = settingOf(draft, index, "interface");
  const base = settingOf(draft, index, "base")?.value;
  const adapter = adapterOf(draft, numbered);
  if (
    found === undefined ||
    base === undefined ||
    adapter === undefined ||
    !isWireless(adapter)
  ) {
    return [];
  }
  const off = switches(draft, numbered).length > 0;
  const named = systemFacts(base).namesAdapters;
  const wrong =
    named === "by address" && off && adapterAddress(adapter) === undefined
      ? {
          message: `names a Wi-Fi adapter on USB by its address, so there would be no ${adapter}`,
          hint: "write its address in small letters without colons, for example interface: wlx00c0ca123456",
        }
      : named === "by number" && !/^wlan\d+$/.test(adapter)
        ? {
            message: `names Wi-Fi adapters wlan0, wlan1 and so on, so there would be no ${adapter}`,
            hint: "write interface: wlan0, with the board's own radio switched off (hardware: {wifi: false})",
          }
        : named === "as asked" &&
            adapterAddress(adapter) === undefined &&
            !(adapter === "wlan0" && off)
          ? {
              message: `knows an adapter beside the board's own radio by its address, so there would be no ${adapter}`,
              hint: "write interface: wlx and the address, for example wlx00c0ca123456, or wlan0 with hardware: {wifi: false}",
            }
          : undefined;
  return wrong === undefined
    ? []
    : [
        {
          code: "LINK_SETTING_INVALID",
          severity: "error",
          message: `the system of ${titleOf(numbered)} ${wrong.message}`,
          ...settingPlace(draft, numbered, found),
          hint: wrong.hint,
        },
      ];
};

/** WPA3 alone on the board's own radio. */
const wpa3 = (draft: Draft, numbered: NumberedNode): readonly Problem[] => {
  const { index } = numbered;
  const found = settingOf(draft, index, "wifi");
  const board = settingOf(draft, index, "board")?.value;
  if (
    found === undefined ||
    board === undefined ||
    adapterOf(draft, numbered) !== undefined
  ) {
    return [];
  }
  const { title, radio } = BOARD_FACTS[board];
  return networksOf<DraftWifi>(found.value).flatMap(
    ({ network, path }): readonly Problem[] => {
      if (network.security !== "wpa3") {
        return [];
      }
      const place = [...found.path, ...path, "security"];
      return radio === "BCM43456"
        ? [
            {
              code: "WIFI_SECURITY_UNSUPPORTED",
              severity: "error",
              message: `${titleOf(numbered)} is a ${title}, whose Wi-Fi (${radio}) has no firmware that can do WPA3`,
              ...(found.path[0] === "defaults"
                ? {
                    at: draft.at(["nodes", index, "name"]),
                    label: `security: wpa3 (line ${draft.at(place).line})`,
                  }
                : { at: draft.at(place) }),
              hint: "let the access point offer WPA2 as well and write security: wpa2, or use Ethernet or an adapter on USB",
            },
          ]
        : [
            {
              code: "WIFI_SECURITY_UNCERTAIN",
              severity: "warning",
              message: `WPA3 alone needs firmware 7.45.265 or newer for the board's Wi-Fi (${radio}), which not every image has`,
              at: draft.at(place),
              hint: "if the access point offers WPA2 as well, write security: wpa2; on a running Pi with this base, `iw phy | grep SAE` shows something where WPA3 can work",
            },
          ];
    },
  );
};

const onceByPlace = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(
    problems.map((problem) => [
      `${problem.message} ${JSON.stringify(problem.at)}`,
      problem,
    ]),
  ).values(),
];

export const checkRadios: DraftCheck = (draft) =>
  onceByPlace(
    nodesOf(draft).flatMap((numbered) => [
      ...radioOff(draft, numbered),
      ...adapterName(draft, numbered),
      ...wpa3(draft, numbered),
    ]),
  );
