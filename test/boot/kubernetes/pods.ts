// A pod on each node, and whether they reach each other over the pod network.
import { expect } from "vitest";
import { CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { until } from "../support/until.ts";
import type { Desk } from "./desk.ts";

/** Bound to its node by hand, so that the control plane's taint does not keep the scheduler from it. */
export const pod = (
  node: string,
  name = `on-${node}`,
  dnsPolicy = "ClusterFirst",
) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: {
    nodeName: node,
    dnsPolicy,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "web",
        image: "docker.io/library/busybox:1",
        imagePullPolicy: "Never",
        command: [
          "sh",
          "-c",
          "echo hello from $HOSTNAME >/tmp/index.html; exec httpd -f -p 8080 -h /tmp",
        ],
      },
    ],
  },
});

export const expectPodsToTalk = async (
  desk: Pick<Desk, "kubectl">,
  write: (text: string) => Promise<string>,
): Promise<void> => {
  const nodes = [CONTROL_PLANE, WORKER];
  const list = {
    apiVersion: "v1",
    kind: "List",
    items: nodes.map((node) => pod(node)),
  };
  const file = await write(JSON.stringify(list));
  const wait = { seconds: 300, every: 3000 };
  await until(
    "making the pods",
    () => desk.kubectl("apply", "--filename", file),
    wait,
  );
  const address = (node: string) =>
    until(
      `an address of the pod on ${node}`,
      async () =>
        (await desk.kubectl(
          "get",
          "pod",
          `on-${node}`,
          "--output=jsonpath={.status.podIP}",
        )) || undefined,
      {
        ...wait,
        where: async () =>
          (await desk.kubectl("describe", "pod", `on-${node}`)) ?? "",
      },
    );
  for (const [from, to] of [
    [CONTROL_PLANE, WORKER],
    [WORKER, CONTROL_PLANE],
  ] as const) {
    const url = `http://${await address(to)}:8080/`;
    const answer = await until(
      `an answer of the pod on ${to} to the one on ${from}`,
      () => desk.kubectl("exec", `on-${from}`, "--", "wget", "-q", "-O-", url),
      wait,
    );
    expect(answer).toBe(`hello from on-${to}`);
  }
};
