// Whom pods ask for names: the cluster's DNS, which asks the network's, or the network's own.
import { expect } from "vitest";
import type { Container } from "../nspawn/container.ts";
import { ROUTER } from "../lan/lan.ts";
import { until } from "../support/until.ts";
import type { Shape } from "./binaries.ts";
import { pod } from "./pods.ts";
import { PRINTER, type Shelf } from "./shelf.ts";

/** Seconds. */
const PATIENCE = { seconds: 600, every: 2000 };

const FILES: Readonly<Record<Shape, string>> = {
  ubuntu: "/run/systemd/resolve/resolv.conf",
  raspios: "/etc/resolv.conf",
  bare: "/run/systemd/resolve/resolv.conf",
};

const FLAGS = "/var/lib/kubelet/kubeadm-flags.env";

/** Needs the pods of `expectPodsToTalk`. */
export const expectNames = async (
  shelf: Shelf,
  node: string,
  shape: Shape,
  container: Container,
): Promise<void> => {
  expect(container.read(FLAGS)?.split(/[ "]/)).toContain(
    `--resolv-conf=${FILES[shape]}`,
  );
  const found = await container.run("sh", "-c", "command -v resolvectl");
  expect(found.stdout !== "").toBe(shape === "ubuntu");
  const name = `plain-${node}`;
  const file = await shelf.write(JSON.stringify(pod(node, name, "Default")));
  await until(
    "making a pod",
    () => shelf.kubectl("apply", "--filename", file),
    PATIENCE,
  );
  const servers = (of: string) =>
    until(
      `the name servers of ${of}`,
      () =>
        shelf.kubectl(
          "exec",
          of,
          "--",
          "grep",
          "nameserver",
          "/etc/resolv.conf",
        ),
      PATIENCE,
    );
  expect(await servers(name)).toBe(`nameserver ${ROUTER}`);
  expect(await servers(`on-${node}`)).toBe("nameserver 10.96.0.10");
  const answer = await until(
    `an answer of the cluster's DNS to ${node}`,
    () =>
      shelf.kubectl(
        "exec",
        `on-${node}`,
        "--",
        "nslookup",
        "-type=a",
        PRINTER.name,
      ),
    PATIENCE,
  );
  expect(answer).toContain(PRINTER.address);
};

/** The judge itself: with the file of another system no pod starts, until the node has found its own again. */
export const expectOtherFileToFail = async (
  shelf: Shelf,
  node: string,
  container: Container,
): Promise<void> => {
  const inside = async (command: string) => {
    const done = await container.run("sh", "-c", command);
    expect(done.status, done.stderr).toBe(0);
  };
  await inside(
    // It would have the node look again before the kubelet has complained; so would one that has begun.
    "systemctl stop pi-image-endpoint.timer pi-image-endpoint.service",
  );
  await inside(
    `sed -i 's#--resolv-conf=/etc/resolv.conf#--resolv-conf=${FILES.ubuntu}#' ${FLAGS} && systemctl restart kubelet`,
  );
  const name = `late-${node}`;
  const file = await shelf.write(JSON.stringify(pod(node, name)));
  await until(
    "making a pod",
    () => shelf.kubectl("apply", "--filename", file),
    PATIENCE,
  );
  await until(
    "the complaint of the kubelet",
    async () =>
      (await shelf.kubectl("describe", "pod", name))?.includes(
        `${FILES.ubuntu}: no such file`,
      )
        ? true
        : undefined,
    PATIENCE,
  );
  await inside(
    "systemctl restart pi-image-endpoint.service pi-image-endpoint.timer",
  );
  await until(
    "the pod's start after the node has looked again",
    async () =>
      (await shelf.kubectl(
        "get",
        "pod",
        name,
        "--output=jsonpath={.status.phase}",
      )) === "Running"
        ? true
        : undefined,
    PATIENCE,
  );
};
