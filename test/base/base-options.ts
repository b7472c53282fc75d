// What the tests of this room pass around: a cache of their own, and a record of the events.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { ProgressEvent } from "../../src/report/events.ts";
import {
  type Catalogue,
  loadPackageCatalogue,
} from "../../src/base/load-catalogue.ts";
import { failureOf } from "../support/failure.ts";

/** Without the additions of whoever runs the tests. */
export const packageCatalogue = loadPackageCatalogue;

/** Knows no release. */
export const noCatalogue: Catalogue = {
  releases: new Map(),
  samples: new Map(),
};

export const testFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

type TestOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly report: (event: ProgressEvent) => void;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  readonly pause: number;
  readonly events: ProgressEvent[];
  /** Messages of notices and warnings. */
  readonly told: () => string[];
};

/** An empty cache and no waiting; `env` has nothing but what the test puts in. */
export const testOptions = (
  env: NodeJS.ProcessEnv = {},
  signal: AbortSignal = new AbortController().signal,
): TestOptions => {
  const events: ProgressEvent[] = [];
  return {
    env: { PI_IMAGE_CACHE_HOME: join(testFolder(), "cache"), ...env },
    report: (event) => events.push(event),
    signal,
    userAgent: "pi-image/test",
    pause: 1,
    events,
    told: () =>
      events.flatMap((event) => ("message" in event ? [event.message] : [])),
  };
};

/** "CODE exit: message" */
export const outcomeOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await failureOf(work);
  expect(error.message).not.toMatch(/\.$/);
  return `${error.code} ${error.exitCode}: ${error.message}`;
};
