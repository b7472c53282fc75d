// Explains a node that does not come up, from everything that can be reached: what `doctor` prints.
import { X509Certificate } from "node:crypto";
import type { ResolvedNode } from "../inventory/resolved.ts";
import { laptopHost } from "../kubernetes/addresses.ts";
import { credentialsOf } from "../kubernetes/cluster-secrets.ts";
import { askApi } from "./api-client.ts";
import { parseNodeList } from "./api-nodes.ts";
import { findAddress } from "./find-address.ts";
import { askNodeStatus } from "./node-status.ts";
import { locateApi, type Observer } from "./observe.ts";
import { probePort } from "./probe-port.ts";

export type Finding = {
  readonly check: string;
  readonly result: "ok" | "problem" | "unknown";
  readonly message: string;
  readonly hint?: string | undefined;
};

const DAY_MS = 86_400_000;

const examineIdentity = (node: ResolvedNode, observer: Observer): Finding => {
  const check = "join identity";
  const identity = credentialsOf(observer.secrets, node.name)?.joinIdentity;
  if (identity === undefined) {
    return {
      check,
      result: "problem",
      message: `the secrets file has no join identity for ${node.name}`,
      hint: `run: pi-image build --host ${node.name}, then flash its card`,
    };
  }
  const end = new Date(new X509Certificate(identity.certificate).validTo);
  const days = Math.floor((end.getTime() - observer.now().getTime()) / DAY_MS);
  const date = end.toISOString().slice(0, 10);
  return days >= 0
    ? { check, result: "ok", message: `valid until ${date} (${days} days)` }
    : {
        check,
        result: "problem",
        message: `ended on ${date}; a card flashed with it cannot join any more`,
        hint: `run: pi-image build --host ${node.name}, then flash its card again`,
      };
};

const examineNetwork = async (
  node: ResolvedNode,
): Promise<{ address: string | undefined; findings: Finding[] }> => {
  const host = laptopHost(node);
  const address = await findAddress(host);
  if (address === undefined) {
    return {
      address,
      findings: [
        {
          check: "address",
          result: "problem",
          message: `nobody on this network knows the name ${host}`,
          hint: "look at the node's console or the router's list of leases; is it powered, is the cable in, is the Wi-Fi password right?",
        },
      ],
    };
  }
  const ssh = await probePort(address, 22);
  const message = {
    open: "port 22 answers",
    closed: "the node is up and SSH does not listen yet",
    silent:
      "nothing answers: the node is off, still booting, or has another address",
  }[ssh];
  return {
    address,
    findings: [
      { check: "address", result: "ok", message: address },
      {
        check: "ssh",
        result: ssh === "open" ? "ok" : "problem",
        message,
        ...(ssh === "silent" && {
          hint: "a first boot takes a few minutes; after that look at the console",
        }),
      },
    ],
  };
};

const examineStatus = async (
  node: ResolvedNode,
  observer: Observer,
): Promise<Finding> => {
  const check = "node unit";
  if (observer.sshConfig === undefined) {
    return {
      check,
      result: "unknown",
      message: "there is no ssh_config in the out folder",
      hint: "run: pi-image build",
    };
  }
  const answer = await askNodeStatus(
    node.name,
    observer.sshConfig,
    observer.signal,
  );
  if (!answer.ok) {
    return {
      check,
      result: "unknown",
      message: answer.because,
      hint: `try: ssh -F ${observer.sshConfig} ${node.name} journalctl -u pi-image-node`,
    };
  }
  const { phase, state, message } = answer.status;
  return {
    check,
    result: state === "done" ? "ok" : "problem",
    message: `phase ${phase} is ${state}${message === undefined ? "" : `: ${message}`}`,
  };
};

const examineCluster = async (
  node: ResolvedNode,
  observer: Observer,
): Promise<Finding[]> => {
  const server = await locateApi(observer);
  if ("kind" in server) {
    return [
      { check: "API server", result: "problem", message: server.message },
    ];
  }
  const answer = await askApi(
    server,
    `/api/v1/nodes?fieldSelector=${encodeURIComponent(`metadata.name=${node.name}`)}`,
    observer.signal,
  );
  if (!answer.ok) {
    return [
      {
        check: "API server",
        result: "problem",
        message: answer.failure.message,
      },
    ];
  }
  const found = parseNodeList(answer.body)?.find(
    ({ name }) => name === node.name,
  );
  const api: Finding = {
    check: "API server",
    result: "ok",
    message: `answers at ${server.address}:${server.port}`,
  };
  if (found === undefined) {
    return [
      api,
      {
        check: "joined",
        result: "problem",
        message: `the cluster does not know a node ${node.name}`,
        hint: "the node joins in its phase kubeadm; the line of the node unit says what it waits for",
      },
    ];
  }
  return [
    api,
    { check: "joined", result: "ok", message: found.version ?? "yes" },
    found.ready
      ? { check: "ready", result: "ok", message: "yes" }
      : {
          check: "ready",
          result: "problem",
          message: found.notReadyBecause ?? "the kubelet has not reported",
          hint: `try: ssh ${node.name} journalctl -u kubelet`,
        },
  ];
};

/** Findings in the order in which a node comes up; the first problem is usually the cause. */
export const examineNode = async (
  node: ResolvedNode,
  observer: Observer,
): Promise<readonly Finding[]> => {
  const { address, findings } = await examineNetwork(node);
  return [
    examineIdentity(node, observer),
    ...findings,
    ...(address === undefined ? [] : [await examineStatus(node, observer)]),
    ...(await examineCluster(node, observer)),
  ];
};
