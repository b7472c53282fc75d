// A network, a router and the cards of one project, flashed as a user does, for machines of whatever kind.
import { mkdtemp, rm } from "node:fs/promises";
import type { Base } from "../base/base-image.ts";
import { makeLan, type Lan } from "../lan/lan.ts";
import { startRouter, type RouterSettings } from "../lan/router.ts";
import { makeCleanup, type Cleanup } from "../support/cleanup.ts";
import { openLogs } from "../support/logs.ts";
import { buildProject, type Project, type Vendor } from "../support/project.ts";
import { standInBase } from "../support/shared-base.ts";
import { testFolderPrefix } from "../support/sweep.ts";
import { flashNode, type Size, type VmNode } from "./node.ts";

export type Lab = {
  readonly base: Base;
  readonly project: Project;
  readonly lan: Lan;
  readonly cleanup: Cleanup;
  /** A node with a card that was just flashed. */
  readonly flash: (name: string, address: string) => Promise<VmNode>;
  /** To be called when a test has failed: its logs are kept. */
  readonly fail: () => void;
  readonly close: () => Promise<void>;
};

export type LabSettings = {
  readonly inventory: string;
  readonly router?: RouterSettings;
  /** The base to build on; with stand-ins for Kubernetes when not given. */
  readonly vendor?: () => Promise<
    Vendor & { readonly base: Base; readonly image: string }
  >;
  readonly size?: Size;
  /** Further words for `pi-image build`. */
  readonly build?: readonly string[];
};

export const openLab = async (
  name: string,
  {
    inventory,
    router = {},
    vendor: makeVendor = standInBase,
    size,
    build = [],
  }: LabSettings,
): Promise<Lab> => {
  const cleanup = makeCleanup();
  const logs = await openLogs(name);
  let failed = true;
  const close = async () => {
    await cleanup.run();
    await logs.close(failed);
  };
  try {
    const folder = await mkdtemp(testFolderPrefix());
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const vendor = await makeVendor();
    const { base, image } = vendor;
    const project = await buildProject(folder, inventory, vendor, ...build);
    const lan = await makeLan(cleanup);
    startRouter(lan, router, cleanup);
    failed = false;
    return {
      base,
      project,
      lan,
      cleanup,
      flash: (node, address) =>
        flashNode(project, image, node, address, lan, logs.folder, size),
      fail: () => {
        failed = true;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
