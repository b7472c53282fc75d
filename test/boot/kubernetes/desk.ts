// Two cards with real Kubernetes on a network of their own, and the laptop from which they are watched.
import { join } from "node:path";
import { expect } from "vitest";
import { tryTool, type ToolResult } from "../../../src/system/run/run-tool.ts";
import { twoNodes } from "../support/inventory.ts";
import type { Lan } from "../lan/lan.ts";
import { piImageCommand, type Project } from "../support/project.ts";
import { until } from "../support/until.ts";
import type { Machine } from "../vm/machine.ts";
import type { VmNode } from "../vm/node.ts";
import { openRoom, type Room } from "../vm/room.ts";
import { KUBE_BIN, kubernetesBase } from "./binaries.ts";

export type Desk = Room & {
  /** kubectl on the laptop, with the kubeconfig that `build` wrote; what it printed, or undefined when it failed. */
  readonly kubectl: (
    ...words: readonly string[]
  ) => Promise<string | undefined>;
  /** `pi-image watch` on the laptop, to its end. */
  readonly watch: (timeout: string) => Promise<void>;
};

/** kubeadm refuses a control plane with less than 1700 MB. The card holds every image twice, packed and unpacked. */
const SIZE = { memoryMib: 2048, cardGib: 6 };

/** With the kubeconfig that `build` wrote. */
export const kubectlOn =
  (lan: Lan, project: Pick<Project, "kubeconfig">): Desk["kubectl"] =>
  async (...words) => {
    const done = await lan.run(
      join(KUBE_BIN, "kubectl"),
      `--kubeconfig=${project.kubeconfig}`,
      "--request-timeout=20s",
      ...words,
    );
    return done.status === 0 ? done.stdout.trim() : undefined;
  };

export const watchOn =
  (lan: Lan, project: Project): Desk["watch"] =>
  async (timeout) => {
    const words = piImageCommand(
      project.package,
      "watch",
      "--timeout",
      timeout,
    );
    const done = await tryTool(
      "ip",
      ["netns", "exec", lan.namespace, ...words],
      { cwd: project.folder },
    );
    expect(done.status, done.stderr).toBe(0);
  };

/** ssh takes keys from the agent or from the home of whoever runs the tests. */
export const overSshOn =
  (lan: Lan, project: Project) =>
  (...words: readonly string[]): Promise<ToolResult> =>
    tryTool(
      "ip",
      [
        ..."netns exec".split(" "),
        lan.namespace,
        ..."ssh-agent sh -c".split(" "),
        'ssh-add -q "$0" && exec "$@"',
        project.key,
        ...piImageCommand(project.package, ...words),
      ],
      { cwd: project.folder },
    );

export const openDesk = async (
  name: string,
  settings: { readonly ahead?: string } = {},
): Promise<Desk> => {
  const room = await openRoom(name, {
    inventory: twoNodes(),
    vendor: kubernetesBase,
    size: SIZE,
    ...settings,
  });
  const { project, lan } = room;
  return {
    ...room,
    kubectl: kubectlOn(lan, project),
    watch: watchOn(lan, project),
  };
};

/** The API server calls a node Ready for a while after it is gone: a node counts when it is Ready since its last boot. */
export const untilReadyOnThisBoot = async (
  desk: Desk,
  machines: ReadonlyMap<VmNode, Machine>,
  seconds: number,
): Promise<void> => {
  for (const [{ name, ssh }, machine] of machines) {
    await until(
      `${name} Ready since its boot`,
      async () => {
        const boot = await ssh("cat /proc/sys/kernel/random/boot_id");
        const seen = await desk.kubectl(
          "get",
          "node",
          name,
          '--output=jsonpath={.status.nodeInfo.bootID} {.status.conditions[?(@.type=="Ready")].status}',
        );
        return boot.status === 0 && seen === `${boot.stdout.trim()} True`
          ? true
          : undefined;
      },
      {
        seconds,
        every: 3000,
        hopeless: () => (machine.isOn() ? undefined : "the machine has ended"),
        where: async () =>
          (await desk.kubectl("get", "nodes", "--output=wide")) ??
          "the API server does not answer the laptop",
      },
    );
  }
};
