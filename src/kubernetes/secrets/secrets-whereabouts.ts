// Tells for each secret of a cluster where it is stored and how long it is valid; `secrets status` prints this.
import type { ResolvedProject } from "../../inventory/resolved.ts";
import { controlPlanes } from "../addresses.ts";
import { readCertificate } from "../certificate.ts";
import type { ClusterSecrets } from "./cluster-secrets.ts";
import { wayToJoin } from "../kubeadm-documents.ts";

export type Whereabouts = {
  readonly what: string;
  /** Where it is stored besides the secrets file. */
  readonly where: string;
  /** A certificate's end; undefined where the secret itself has none. */
  readonly until: Date | undefined;
  /** Text for an end that is not a date. */
  readonly ends: string | undefined;
  readonly state: "serves" | "ends soon" | "ended" | "unused" | "revoked";
  /** What an approaching or past end means, and what to do. */
  readonly advice: string | undefined;
};

type Ending = Pick<Whereabouts, "until" | "ends" | "state" | "advice">;

const DAY = 24 * 60 * 60 * 1000;

const endless: Ending = {
  until: undefined,
  ends: "no end",
  state: "serves",
  advice: undefined,
};

/** `soon` in days. */
const endOf = (
  certificate: string,
  soon: number,
  advice: string,
  now: Date,
): Ending => {
  const until = readCertificate(certificate).validTo;
  const left = until.getTime() - now.getTime();
  const state =
    left <= 0 ? "ended" : left < soon * DAY ? "ends soon" : "serves";
  return {
    until,
    ends: undefined,
    state,
    advice: state === "serves" ? undefined : advice,
  };
};

const authorities = (
  secrets: ClusterSecrets,
  planes: string,
  now: Date,
): readonly Whereabouts[] =>
  (
    [
      ["cluster CA", secrets.ca],
      ["front-proxy CA", secrets.frontProxyCa],
      ["etcd CA", secrets.etcdCa],
    ] as const
  ).map(([what, { certificate }]) => ({
    what,
    where: planes,
    ...endOf(
      certificate,
      365,
      "pi-image secrets rotate --authority replaces all authorities while the cluster runs",
      now,
    ),
  }));

const token = (
  { join }: ResolvedProject["cluster"],
  planes: string,
): Whereabouts =>
  join.by === "token"
    ? {
        what: "bootstrap token",
        where: `${planes}; each card until it has joined`,
        ...endless,
        ends: `${join.tokenHours} hours after kubeadm init`,
      }
    : {
        what: "bootstrap token",
        where: "nowhere: cards join with their own identity",
        ...endless,
        ends: "no end",
        state: "unused",
      };

/** Whether a card carries its node's join identity: a lone control plane's has none, and neither has a worker's with a token. */
export const joinsByIdentity = (
  project: ResolvedProject,
  name: string,
): boolean => {
  const node = project.nodes.find((known) => known.name === name);
  return node !== undefined && wayToJoin(project, node) === "certificate";
};

const identityRow = (
  name: string,
  certificate: string,
  project: ResolvedProject,
  now: Date,
): Whereabouts => {
  const end = endOf(
    certificate,
    // The same rule as in `build`, which renews an identity with less than half of its time left.
    Math.min(7, project.cluster.join.days / 2),
    `matters only if ${name} has not joined yet: pi-image build --host ${name}, then flash its card again`,
    now,
  );
  const what = `join identity of ${name}`;
  if (joinsByIdentity(project, name)) {
    return { what, where: `its card until it has joined`, ...end };
  }
  const gone = project.nodes.every((node) => node.name !== name);
  return {
    what,
    where: gone
      ? "an old card, perhaps: the inventory has no such node"
      : "nowhere: this node joins without it",
    ...end,
    state: gone ? end.state : "unused",
    advice: undefined,
  };
};

const nodeRows = (
  secrets: ClusterSecrets,
  project: ResolvedProject,
  now: Date,
): readonly Whereabouts[] =>
  Object.entries(secrets.nodes).flatMap(([name, credentials]) => [
    { what: `host key of ${name}`, where: name, ...endless },
    identityRow(name, credentials.joinIdentity.certificate, project, now),
  ]);

/** Only a revoked node's name is left here; whoever has its card has its certificates. */
const revokedRows = (
  { revoked }: ClusterSecrets,
  planes: string,
): readonly Whereabouts[] =>
  revoked.map((name) => ({
    what: `name of ${name}`,
    where: `${planes}, which refuse${planes.includes(",") ? "" : "s"} every certificate for it`,
    ...endless,
    state: "revoked",
  }));

/** In the order: authorities, keys, administrator, token, nodes, revoked nodes. */
export const secretsWhereabouts = (
  secrets: ClusterSecrets,
  project: ResolvedProject,
  now: Date,
): readonly Whereabouts[] => {
  const planes = controlPlanes(project)
    .map(({ name }) => name)
    .join(", ");
  return [
    ...authorities(secrets, planes, now),
    { what: "service account key", where: planes, ...endless },
    {
      what: "admin certificate",
      where: "kubeconfig files on your computers",
      ...endOf(
        secrets.admin.certificate,
        60,
        "pi-image build --format seed renews it and writes the new kubeconfig",
        now,
      ),
    },
    token(project.cluster, planes),
    ...nodeRows(secrets, project, now),
    ...revokedRows(secrets, planes),
  ];
};
