// Orders to the stand-ins of one node: what a later call does instead of its work.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "../support/until.ts";
import type { Container } from "./container.ts";
import type { NspawnNode } from "./node.ts";

/** `fail`: ends with an error. `hang`: never ends. `kill`: takes the phase that called it along. */
export type Order = "fail" | "hang" | "kill";

const orderFile = (node: NspawnNode, call: string): string =>
  join(node.root, "opt/stand-ins/orders", call);

/** The next calls of `call`, for example "apt-get-install" or "kubeadm-init", one order each. */
export const giveOrders = (
  node: NspawnNode,
  call: string,
  orders: readonly Order[],
): Promise<void> =>
  writeFile(
    orderFile(node, call),
    orders.map((order) => `${order}\n`).join(""),
  );

/** Resolves when the last order for a call has been taken. */
export const ordersTaken = (
  node: NspawnNode,
  call: string,
  container: Container,
): Promise<true> =>
  until(
    `the call ${call} on ${node.name}`,
    async () => {
      const file = orderFile(node, call);
      const left = existsSync(file)
        ? await container.run("cat", `/opt/stand-ins/orders/${call}`)
        : undefined;
      return left?.stdout.trim() === "" ? true : undefined;
    },
    {
      seconds: 120,
      every: 100,
      hopeless: () =>
        container.isOn() ? undefined : "the container has ended",
    },
  );
