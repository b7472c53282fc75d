// The list with which Raspberry Pi Imager offers a release's images.
// https://github.com/raspberrypi/rpi-imager/blob/main/doc/json-schema/os-list-schema.json
import { day } from "../report/day.ts";
import {
  BOARD_FACTS,
  CONTROL_PLANE_MEMORY,
} from "../inventory/boards/boards.ts";
import { BOARDS, type Board } from "../inventory/boards/boards.ts";
import type { Role } from "../inventory/resolved.ts";

type ListedImage = {
  readonly role: Role;
  /** The base as the inventory names it, and its file. */
  readonly base: { readonly wanted: string; readonly name: string };
  readonly kubernetes: string;
  /** The addresses of the archive and of its block map. */
  readonly url: string;
  readonly bmapUrl: string;
  readonly archiveBytes: number;
  readonly archiveSha256: string;
  readonly imageBytes: number;
  readonly imageSha256: string;
};

type OsList = {
  readonly name: string;
  readonly icon: string;
  readonly date: Date;
  readonly images: readonly ListedImage[];
};

/** Imager's own picture of a board, because we have none. */
export const DEFAULT_ICON =
  "https://downloads.raspberrypi.com/imager/icons/RPi_5.png";

/** The families that Imager's own list of devices has for 64-bit systems. */
const TAGS: Readonly<Record<Board, string>> = {
  "pi3b+": "pi3-64bit",
  pi4: "pi4-64bit",
  pi400: "pi4-64bit",
  cm4: "pi4-64bit",
  pi5: "pi5-64bit",
  pi500: "pi5-64bit",
  cm5: "pi5-64bit",
};

const serves = (board: Board, { role, base }: ListedImage): boolean => {
  const { ubuntu2204, memory } = BOARD_FACTS[board];
  const old = /22\.04|jammy/i.test(`${base.wanted} ${base.name}`);
  const small = memory !== undefined && memory < CONTROL_PLANE_MEMORY;
  return (ubuntu2204 || !old) && !(small && role === "control-plane");
};

const entryOf = (image: ListedImage, { name, icon, date }: OsList) => ({
  name: `${name}: ${image.role}, Kubernetes ${image.kubernetes}`,
  description: `${image.base.name} with what a ${image.role} needs. It is not a node until it gets its identity from pi-image or kubeadm.`,
  icon,
  url: image.url,
  extract_size: image.imageBytes,
  extract_sha256: image.imageSha256,
  image_download_size: image.archiveBytes,
  image_download_sha256: image.archiveSha256,
  release_date: day(date),
  // Makes Imager customise the image with user-data and network-config; without it, Imager offers no customisation, or the
  // wrong kind.
  init_format: "cloudinit",
  architecture: "armv8",
  devices: [
    ...new Set(
      BOARDS.filter((board) => serves(board, image)).map(
        (board) => TAGS[board],
      ),
    ),
  ],
  bmap_url: image.bmapUrl,
});

export const renderOsList = (list: OsList): string =>
  `${JSON.stringify(
    { os_list: list.images.map((image) => entryOf(image, list)) },
    undefined,
    2,
  )}\n`;
