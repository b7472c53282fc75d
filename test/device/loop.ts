// Loop devices on files in a temporary folder, all taken away after each test.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import { listDevices } from "../../src/device/helper/device-work.ts";
import type { UsableTarget } from "../../src/device/target.ts";
import { inspectTarget } from "../../src/device/look/inspect-target.ts";
import { dropPartitions } from "../support/loop-partitions.ts";
import { toolEnvironment } from "../../src/system/run/run-tool.ts";

/** Runs a tool and gives what it prints; its failure is the test's. */
export const run = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, {
    encoding: "utf8",
    env: toolEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });

const undo: (() => unknown)[] = [];

const undoAll = (): void => {
  const failures: unknown[] = [];
  for (const step of undo.splice(0).toReversed()) {
    try {
      step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, "cleaning up after the test failed");
  }
};

/** Undone after the test, last first. */
export const afterThisTest = (step: () => unknown): void => {
  if (undo.length === 0) {
    onTestFinished(undoAll);
  }
  undo.push(step);
};

export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-test-"));
  afterThisTest(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const SECTOR = 512;

/** 64 KiB without a zero. */
const NOISE = Buffer.from(
  Array.from(
    { length: 64 * 1024 },
    (_, at) => (Math.imul(at + 1, 0x9e3779b1) >>> 16) & 0xff || 0xff,
  ),
);

/** Writes into each sector which one it is; the first is `before` bytes behind the card's beginning. */
const numberSectors = (data: Buffer, before: number): void => {
  for (let at = 0; at + 4 <= data.length; at += SECTOR) {
    data.writeUInt32LE((before + at) / SECTOR + 1, at);
  }
};

/** Bytes that look like an old card: no two sectors alike, none empty. */
export const oldData = (size: number): Buffer => {
  const data = Buffer.alloc(size, NOISE);
  numberSectors(data, 0);
  return data;
};

/** A file of this size full of old data; in pieces, as pages of memory cost more than the bytes in them. */
export const oldFile = (path: string, size: number): string => {
  const data = Buffer.alloc(16 * NOISE.length, NOISE);
  const file = openSync(path, "w");
  for (let at = 0; at < size; at += data.length) {
    numberSectors(data, at);
    writeSync(file, data, 0, Math.min(data.length, size - at));
  }
  closeSync(file);
  return path;
};

/** An empty file that takes no space. */
export const sparseFile = (path: string, size: number): string => {
  writeFileSync(path, "");
  truncateSync(path, size);
  return path;
};

/** Attaches the file; options such as "--read-only" go to losetup. */
export const attachLoop = (
  file: string,
  ...options: readonly string[]
): string => {
  const device = run("losetup", "--find", "--show", ...options, file).trim();
  afterThisTest(() => run("losetup", "--detach", device));
  dropPartitions(basename(device));
  return device;
};

/** What TARGET is, which must be usable. */
export const usableTarget = async (path: string): Promise<UsableTarget> => {
  const target = await inspectTarget(path, listDevices);
  if (target.kind === "unusable") {
    throw new Error(target.reason);
  }
  return target;
};
