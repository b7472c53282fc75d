// Who is compared: how each flasher is called, what it needs, and what it leaves unproven.
import { createRequire } from "node:module";
import { hasTool } from "../support/tools.ts";

export type Contender = {
  readonly name: string;
  /** What it does not do although pi-image does. */
  readonly lacks: string | undefined;
  /** Programs that must be there; the first missing one is told. */
  readonly missing: () => string | undefined;
  /** Bash; $IMAGE is the .xz, $KNOWN the same with its block map $BMAP beside it, $TARGET a block device or file, $SIZE the image's bytes. */
  readonly script: string;
};

const tools =
  (...names: readonly string[]) =>
  (): string | undefined =>
    names.find((name) => !hasTool(name));

const hasEtcher = (): string | undefined => {
  try {
    createRequire(import.meta.url).resolve("etcher-sdk");
    return undefined;
  } catch {
    return "etcher-sdk";
  }
};

const dd =
  'dd of="$TARGET" bs=4M iflag=fullblock oflag=direct conv=fsync,notrunc status=none';
const cmp = 'cmp --bytes="$SIZE" - "$TARGET"';

/** What balenaEtcher does: decode, write and verify in one go. https://github.com/balena-io-modules/etcher-sdk */
const ETCHER = `
import { multiWrite, sourceDestination } from "etcher-sdk";
const { IMAGE, TARGET, SIZE } = process.env;
const drive = {
  device: TARGET, raw: TARGET, devicePath: null, size: Number(SIZE), blockSize: 512,
  isReadOnly: false, isSystem: false, mountpoints: [],
};
const { failures } = await multiWrite.decompressThenFlash({
  source: new sourceDestination.File({ path: IMAGE }),
  destinations: [
    new sourceDestination.BlockDevice({ drive, unmountOnSuccess: false, write: true, direct: true }),
  ],
  onFail: (_, error) => { throw error; },
  onProgress: () => undefined,
  verify: true,
  trim: false,
  decompressFirst: false,
  numBuffers: 16,
});
process.exit(failures.size);
`;

export const OURS: Contender = {
  name: "pi-image flash",
  lacks: undefined,
  missing: tools("xz"),
  script:
    'cd "$WORK"; node "$CLI" flash "$TARGET" "$KNOWN" --yes --out "$WORK/out"',
};

export const RIVALS: readonly Contender[] = [
  {
    // All of it is written and read back, what no file system uses as well: docs/decisions.md,
    // "what a card is promised to hold depends on whose image it is".
    name: "pi-image flash, no block map",
    lacks: undefined,
    missing: tools("xz"),
    script: OURS.script.replace("$KNOWN", "$IMAGE"),
  },
  {
    name: "xz to dd, then cmp",
    lacks: undefined,
    missing: tools("xz", "dd", "cmp"),
    script: `xz -dc "$IMAGE" | ${dd}; xz -dc "$IMAGE" | ${cmp}`,
  },
  {
    name: "xz -T0 to dd, then cmp",
    lacks: undefined,
    missing: tools("xz", "dd", "cmp"),
    script: `xz -T0 -dc "$IMAGE" | ${dd}; xz -T0 -dc "$IMAGE" | ${cmp}`,
  },
  {
    name: "xz -T0 to dd",
    lacks: "reads nothing back",
    missing: tools("xz", "dd"),
    script: `xz -T0 -dc "$IMAGE" | ${dd}`,
  },
  {
    name: "bmaptool copy",
    lacks: "reads nothing back",
    missing: tools("bmaptool"),
    script: 'bmaptool --quiet copy --bmap "$BMAP" "$IMAGE" "$TARGET"',
  },
  {
    name: "rpi-imager-cli",
    lacks: undefined,
    missing: tools("rpi-imager-cli"),
    script: 'rpi-imager-cli --cli --quiet --disable-eject "$IMAGE" "$TARGET"',
  },
  {
    name: "etcher-sdk",
    lacks: undefined,
    missing: hasEtcher,
    script: `node --input-type=module --eval '${ETCHER}'`,
  },
];
