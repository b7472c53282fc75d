// The faults that are planted, each with how the run that meets it is started.
import type { Fault } from "./faulty-disk.ts";

const MIB = 1024 ** 2;

/** Bytes of the card. */
export const CARD = 44 * MIB;
/** Bytes of the image. */
export const IMAGE = 40 * MIB;

export type CardFault = {
  /** A line of the table. */
  readonly title: string;
  readonly fault: Fault;
  readonly args?: readonly string[];
  /** Sent when a part of the image is proven. */
  readonly signals?: readonly NodeJS.Signals[];
};

/** Longer than any test waits. */
const FOR_EVER = 900;

export const FLASH_FAULTS: readonly CardFault[] = [
  { title: "none", fault: { kind: "none" } },
  {
    title: "a sector cannot be written",
    fault: { kind: "write-error", at: 12 * MIB + 512 },
  },
  {
    title: "a sector cannot be read back",
    fault: { kind: "read-error", at: 12 * MIB + 512 },
  },
  {
    title: "a bit flips once while it is written",
    fault: { kind: "corrupts", at: 12 * MIB + 777, until: 2 },
  },
  {
    title: "a bit of one place flips every time",
    fault: { kind: "corrupts", at: 12 * MIB + 777 },
  },
  {
    title: "a bit of the partition table flips when it is written",
    // Twice it is written as zeros.
    fault: { kind: "corrupts", at: 450, from: 3, until: 4 },
  },
  {
    title: "a counterfeit card wraps around",
    fault: { kind: "wraps", real: 24 * MIB },
  },
  {
    title: "a counterfeit card drops what is behind its real size",
    fault: { kind: "drops", real: 24 * MIB },
  },
  {
    title: "a worn card silently ignores writes",
    fault: { kind: "ignores", after: 20 * MIB },
  },
  {
    title: "a worn card makes itself read-only",
    fault: { kind: "read-only", after: 20 * MIB },
  },
  {
    title: "the card stops answering (with `--patience 4s`)",
    fault: { kind: "stalls", at: 12 * MIB, seconds: FOR_EVER },
    args: ["--patience", "4s"],
  },
  {
    title: "the card stops answering for some seconds",
    fault: { kind: "stalls", at: 12 * MIB, seconds: 5 },
    args: ["--patience", "8s"],
  },
  {
    title: "the card is pulled out, and the reader answers",
    fault: { kind: "vanishes", after: 20 * MIB, silent: 0 },
  },
  {
    title: "the card is pulled out, and the reader answers late",
    fault: { kind: "vanishes", after: 20 * MIB, silent: 8 },
  },
  {
    title: "Ctrl-C (SIGINT)",
    fault: { kind: "none" },
    signals: ["SIGINT"],
  },
  { title: "SIGTERM", fault: { kind: "none" }, signals: ["SIGTERM"] },
  {
    title: "SIGKILL, as from the kernel when it is out of memory",
    fault: { kind: "none" },
    signals: ["SIGKILL"],
  },
  {
    title: "Ctrl-C while the card does not answer",
    fault: { kind: "stalls", at: 12 * MIB, seconds: FOR_EVER },
    signals: ["SIGINT"],
  },
  {
    title: "the computer sleeps and resumes (SIGSTOP, SIGCONT)",
    fault: { kind: "none" },
    signals: ["SIGSTOP", "SIGCONT"],
  },
];

export const SIZE_FAULTS: readonly CardFault[] = [
  {
    title: "`devices --test`: a counterfeit card wraps around",
    fault: { kind: "wraps", real: 24 * MIB },
  },
  {
    title:
      "`devices --test`: a counterfeit card drops what is behind its real size",
    fault: { kind: "drops", real: 24 * MIB },
  },
];
