// What a flash decides before anything is opened.
import { describe, expect, test } from "vitest";
import type { DeviceTarget, FileTarget } from "../../src/device/target.ts";
import { DEFAULT_MAX_SIZE } from "../../src/device/target-rules.ts";
import { type FlashFacts, planFlash } from "../../src/flash/plan-flash.ts";
import { writeRanges } from "../../src/flash/segments.ts";
import { sampleCard, sampleFile } from "../device/sample-targets.ts";

const MIB = 1024 ** 2;
const SIZE = 64 * MIB;

const card: DeviceTarget = {
  kind: "device",
  path: "/dev/sdb",
  byId: false,
  device: {
    ...sampleCard,
    byId: ["/dev/disk/by-id/usb-Generic_SD_Reader_0x1234-0:0"],
    serial: "0x1234",
  },
};

const withDevice = (change: Partial<DeviceTarget["device"]>): DeviceTarget => ({
  ...card,
  device: { ...card.device, ...change },
});

const file: FileTarget = {
  ...sampleFile,
  path: "out/card.img",
  realPath: "/home/ana/out/card.img",
  exists: false,
  size: 0,
};

const facts = (more: Partial<FlashFacts> = {}): FlashFacts => ({
  image: { label: "out/worker2.img", size: SIZE, sha256: undefined },
  findings: [],
  notes: [],
  mapSource: "file systems",
  checksums: [],
  ranges: writeRanges([{ offset: 8 * MIB, length: 2 * MIB }], SIZE),
  target: card,
  wish: { allowFixed: false, maxSize: DEFAULT_MAX_SIZE },
  yes: false,
  interactive: false,
  wipe: false,
  eject: false,
  receipt: "out/receipts/worker2.json",
  ...more,
});

const serial = (value: string): Partial<FlashFacts> => ({
  wish: { ...facts().wish, serial: value },
});

const outcome = (more: Partial<FlashFacts>): unknown => {
  const planned = planFlash(facts(more));
  return planned.kind === "plan"
    ? planned.plan.confirmation
    : planned.refusals.map(({ code, hint }) => `${code}: ${hint}`);
};

describe("planFlash", () => {
  test("is plain data that says every step", () => {
    const planned = planFlash(
      facts({ yes: true, ...serial("0x1234"), wipe: true }),
    );
    expect(planned).toMatchObject({
      kind: "plan",
      plan: {
        wipe: true,
        mapSource: "file systems",
        confirmation: { kind: "given", by: "--serial" },
        steps: [
          { step: "erase", bytes: 2 * MIB },
          { step: "discard", bytes: 31_914_983_424 },
          { step: "write", bytes: 2 * MIB, ranges: 2 },
          { step: "read back", bytes: 3 * MIB },
          { step: "write first MiB", bytes: MIB },
          { step: "re-read partition table" },
          { step: "receipt", path: "out/receipts/worker2.json" },
        ],
      },
    });
    expect(JSON.parse(JSON.stringify(planned))).toEqual(planned);
  });

  test("has no partition table to re-read in a file", () => {
    const planned = planFlash(facts({ target: file, yes: true }));
    const steps = planned.kind === "plan" ? planned.plan.steps : [];
    expect(steps.map(({ step }) => step)).toEqual([
      "erase",
      "discard",
      "write",
      "read back",
      "write first MiB",
      "receipt",
    ]);
    expect(steps[1]).toEqual({ step: "discard", bytes: SIZE });
  });

  test("gives the rules' refusals and asks nothing then", () => {
    expect(
      outcome({ target: withDevice({ size: MIB, readOnly: true }), yes: true }),
    ).toEqual([
      expect.stringMatching(/^TARGET_READ_ONLY: /),
      expect.stringMatching(/^TARGET_TOO_SMALL: /),
    ]);
    expect(
      outcome({
        target: {
          kind: "unusable",
          path: "/dev/null",
          code: "TARGET_NOT_A_DEVICE",
          reason: "/dev/null is a character device, not a disk",
          hint: "look",
        },
      }),
    ).toEqual(["TARGET_NOT_A_DEVICE: look"]);
  });
});

describe("confirmation", () => {
  const loop = withDevice({ kind: "loop", serial: undefined, byId: [] });
  const byId: DeviceTarget = {
    ...card,
    path: card.device.byId[0] ?? "",
    byId: true,
  };

  test.each<[string, Partial<FlashFacts>, unknown]>([
    [
      "--yes on a loop device",
      { target: loop, yes: true },
      { kind: "given", by: "--yes" },
    ],
    [
      "--yes on a file",
      { target: file, yes: true },
      { kind: "given", by: "--yes" },
    ],
    [
      "--yes with the serial",
      { yes: true, ...serial("0X1234") },
      { kind: "given", by: "--serial" },
    ],
    [
      "--yes on a by-id path",
      { target: byId, yes: true },
      { kind: "given", by: "by-id path" },
    ],
    [
      "a terminal",
      { interactive: true },
      {
        kind: "type name",
        name: "sdb",
        what: "/dev/sdb (Generic SD Reader, 31.9 GB, serial 0x1234)",
      },
    ],
    [
      "a terminal, although --yes was given",
      { interactive: true, yes: true },
      expect.objectContaining({ kind: "type name" }),
    ],
    [
      "a terminal, for a file",
      { interactive: true, target: file },
      {
        kind: "type name",
        name: "card.img",
        what: "the new file out/card.img",
      },
    ],
  ])("%s is enough to go on", (_, more, expected) => {
    expect(outcome(more)).toEqual(expected);
  });

  test.each<[string, Partial<FlashFacts>, string]>([
    [
      "--yes alone on a real device",
      { yes: true },
      "TARGET_NOT_CONFIRMED: if this is the card you mean, add --yes --serial 0x1234",
    ],
    [
      "the serial without --yes",
      serial("0x1234"),
      "TARGET_NOT_CONFIRMED: if this is the card you mean, add --yes --serial 0x1234",
    ],
    [
      "a reader without a serial",
      { yes: true, target: withDevice({ serial: undefined }) },
      "TARGET_NOT_CONFIRMED: it reports no serial; if this is the card you mean, give /dev/disk/by-id/usb-Generic_SD_Reader_0x1234-0:0 as the target, with --yes",
    ],
    [
      "a device without any name of its own",
      { yes: true, target: withDevice({ serial: undefined, byId: [] }) },
      "TARGET_NOT_CONFIRMED: it has neither a serial nor a name under /dev/disk/by-id: run the command at a terminal",
    ],
    [
      "nothing at all, for a file",
      { target: file },
      "TARGET_NOT_CONFIRMED: add --yes",
    ],
    [
      "another serial",
      { yes: true, ...serial("0x99") },
      "TARGET_WRONG_CARD: undefined",
    ],
  ])("%s is not", (_, more, expected) => {
    expect(outcome(more)).toEqual([expected]);
  });
});
