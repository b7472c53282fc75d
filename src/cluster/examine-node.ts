// Explains a node that does not come up, from everything that can be reached: what `doctor` prints.
import { day } from "../report/day.ts";
import type { ResolvedNode } from "../inventory/resolved.ts";
import { jumpHost, laptopHost } from "../kubernetes/addresses.ts";
import { readCertificate } from "../kubernetes/certificate.ts";
import { credentialsOf } from "../kubernetes/secrets/cluster-secrets.ts";
import { joinsByIdentity } from "../kubernetes/secrets/secrets-whereabouts.ts";
import type { ApiNode } from "./api-nodes.ts";
import type { ApiFailure } from "./reach-api-server.ts";
import { findNode } from "./find-address.ts";
import { askNodeStatus, type StatusAnswer } from "./node-status.ts";
import { askNodes, type Observer, SSH_PORT } from "./observe.ts";
import { type PortState, probePort } from "./probe-port.ts";
import { SNAPSHOT_LOG, snapshotAge } from "./snapshots/snapshot-age.ts";

export type NodeFinding = {
  readonly check: string;
  readonly result: "ok" | "problem" | "unknown";
  readonly message: string;
  readonly hint?: string | undefined;
};

const ok = (check: string, message: string): NodeFinding => ({
  check,
  result: "ok",
  message,
});

const problem = (
  check: string,
  message: string,
  hint?: string,
): NodeFinding => ({
  check,
  result: "problem",
  message,
  hint,
});

const unknown = (
  check: string,
  message: string,
  hint?: string,
): NodeFinding => ({
  check,
  result: "unknown",
  message,
  hint,
});

const judgeIdentity = (
  { name }: ResolvedNode,
  { project, secrets, now }: Observer,
  joined: boolean,
): NodeFinding => {
  const check = "join identity";
  if (!joinsByIdentity(project, name)) {
    return ok(check, "this node needs none");
  }
  const flash = `run: pi-image build --host ${name}, then flash its card`;
  const identity = credentialsOf(secrets, name)?.joinIdentity;
  if (identity === undefined) {
    return problem(check, "the secrets file has none for this node", flash);
  }
  const { validTo } = readCertificate(identity.certificate);
  const date = day(validTo);
  if (validTo > now()) {
    return ok(check, `the one in the secrets file is valid until ${date}`);
  }
  return joined
    ? ok(check, `ended on ${date}; the node has joined and no longer needs it`)
    : problem(
        check,
        `ended on ${date}; a card that was flashed with it can no longer join`,
        flash,
      );
};

const judgeAddress = (
  host: string,
  address: string | undefined,
): NodeFinding =>
  address === undefined
    ? problem(
        "address",
        `no device on this network answers to the name ${host}`,
        "check the node's power, its cable or Wi-Fi, and its console; names that end in .local are only known within one network",
      )
    : ok("address", address === host ? address : `${host} is ${address}`);

const judgePort = (ssh: PortState): NodeFinding => {
  switch (ssh) {
    case "open":
      return ok("ssh", `port ${SSH_PORT} is open`);
    case "closed":
      return problem(
        "ssh",
        "the node is up, but SSH is not listening",
        "it is still booting, or cloud-init found no seed: check its console",
      );
    case "silent":
      return problem(
        "ssh",
        "nothing answers at this address",
        "the node is off, still booting, or has another address; a first boot takes a few minutes",
      );
  }
};

/** Only the gateway can tell more about a node behind it. */
const judgeGateway = (
  gateway: string,
  ssh: PortState | undefined,
): NodeFinding =>
  ssh === "open"
    ? ok("gateway", `${gateway} answers; this node is reached through it`)
    : problem(
        "gateway",
        `this node is behind ${gateway}, which does not answer`,
        `run: pi-image doctor ${gateway}`,
      );

/** The card says which node of which cluster it is for; cards may have been swapped. */
const judgeStatus = (
  node: ResolvedNode,
  { project, sshCommand }: Observer,
  answer: StatusAnswer,
): NodeFinding => {
  const cluster = project.cluster.name;
  const check = "node unit";
  if (!answer.ok) {
    return unknown(
      check,
      answer.because,
      `to look for yourself: ${sshCommand} ${node.name}`,
    );
  }
  const { phase, state, message, attempt, ...card } = answer.status;
  if (card.node !== node.name || card.cluster !== cluster) {
    return problem(
      check,
      `the card in this Pi belongs to ${card.node} of the cluster ${card.cluster}`,
      `swap the cards, or flash this one: pi-image flash TARGET --host ${node.name}`,
    );
  }
  const tries = attempt > 1 ? ` (attempt ${attempt})` : "";
  const words = `phase ${phase} is ${state}${tries}${message === "" ? "" : `: ${message}`}`;
  switch (state) {
    case "done":
      return ok(check, "done");
    case "running":
      return ok(check, words);
    default:
      return problem(
        check,
        words,
        `the node keeps trying and continues by itself once the cause is fixed; its log: ${sshCommand} ${node.name} journalctl -u pi-image-node`,
      );
  }
};

/** What the node found out about its disk and its PCIe link. */
const tellNotes = (answer: StatusAnswer | undefined): readonly NodeFinding[] =>
  answer?.ok === true
    ? Object.entries(answer.status.notes).map(([name, text]) => ok(name, text))
    : [];

const judgeSnapshot = (
  { name, role }: ResolvedNode,
  { now, sshCommand }: Observer,
  answer: StatusAnswer | undefined,
): readonly NodeFinding[] => {
  const check = "snapshot";
  if (
    role !== "control-plane" ||
    answer?.ok !== true ||
    answer.status.state !== "done"
  ) {
    return [];
  }
  if (answer.status.snapshot === undefined) {
    return [
      ok(
        check,
        "none yet: the first one comes within half an hour, but never on a card that an earlier pi-image made; `pi-image backup` works on all",
      ),
    ];
  }
  const { text, old } = snapshotAge(answer.status.snapshot, now());
  return [
    old
      ? problem(
          check,
          text,
          `see why: ${sshCommand} ${name} ${SNAPSHOT_LOG}; for one on this computer: pi-image backup`,
        )
      : ok(check, text),
  ];
};

/** For a node that the API server does not know: a kubelet registers its node only when it starts. */
const unknownToCluster = (name: string, done: boolean): NodeFinding =>
  done
    ? problem(
        "joined",
        `the cluster does not know ${name}, which has joined: its control plane has been rebuilt since, or somebody deleted the node`,
        `it registers again by itself within ten minutes, or at once when you restart it; a card of an earlier pi-image has to be restarted`,
      )
    : problem(
        "joined",
        `the cluster does not know a node ${name}`,
        "the node joins in its phase kubeadm; its node unit says what it waits for",
      );

const judgeCluster = (
  { name }: ResolvedNode,
  found: ApiNode | undefined,
  failure: ApiFailure | undefined,
  done: boolean,
): readonly NodeFinding[] => {
  if (failure !== undefined) {
    return [
      problem("API server", failure.message, failure.hint),
      unknown("joined", "only the API server knows"),
      unknown("ready", "only the API server knows"),
    ];
  }
  const api = ok("API server", "answers, and is that of this cluster");
  if (found === undefined) {
    return [
      api,
      unknownToCluster(name, done),
      unknown("ready", "the node has not joined"),
    ];
  }
  return [
    api,
    ok("joined", found.version ?? "yes"),
    found.ready
      ? ok("ready", "yes")
      : problem(
          "ready",
          found.notReadyBecause ?? "the kubelet has not reported yet",
          `on the node: journalctl -u kubelet; from here: kubectl describe node ${name}`,
        ),
  ];
};

/** Findings in the order in which a node comes up; the first problem is usually the cause. */
export const examineNode = async (
  node: ResolvedNode,
  observer: Observer,
): Promise<readonly NodeFinding[]> => {
  const host = laptopHost(node);
  const [known, address] = await Promise.all([
    askNodes(observer),
    findNode(observer.project, node),
  ]);
  const found = known.nodes.find(({ name }) => name === node.name);
  const jump = jumpHost(observer.project, node);
  const probed =
    jump === undefined ? address : await findNode(observer.project, jump);
  const ssh =
    probed === undefined ? undefined : await probePort(probed, SSH_PORT);
  const answer =
    ssh === "open"
      ? await askNodeStatus(node.name, observer.sshConfig, observer.signal)
      : undefined;
  const done = answer?.ok === true && answer.status.state === "done";
  return [
    judgeIdentity(node, observer, done || found !== undefined),
    ...(jump === undefined
      ? [
          judgeAddress(host, address),
          ...(ssh === undefined ? [] : [judgePort(ssh)]),
        ]
      : [judgeGateway(jump.name, ssh)]),
    ...(answer === undefined ? [] : [judgeStatus(node, observer, answer)]),
    ...tellNotes(answer),
    ...judgeSnapshot(node, observer, answer),
    ...(node.joins ? judgeCluster(node, found, known.failure, done) : []),
  ];
};
