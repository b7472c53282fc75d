// The output of `watch`: a table of all nodes for a terminal, or one line for each node in a log.
import {
  cutToWidth,
  displayWidth,
  padToWidth,
} from "../terminal/display-width.ts";
import { formatSeconds } from "../report/amounts.ts";
import type { ClusterView, NodeView } from "./observe.ts";
import { SNAPSHOT_LOG } from "./snapshots/snapshot-age.ts";

const HEAD = [
  "NODE",
  "ROLE",
  "ADDRESS",
  "SSH",
  "PHASE",
  "JOINED",
  "READY",
  "VERSION",
  "AGE",
] as const;

export type Line = {
  readonly text: string;
  readonly kind: "head" | "ready" | "node" | "remark";
};

const phaseOf = ({ status }: NodeView): string => {
  if (status?.ok !== true) {
    return "-";
  }
  const { phase, state } = status.status;
  return phase === state ? phase : `${phase} ${state}`;
};

const columnCells = (node: NodeView): string[] => [
  node.name,
  node.role,
  node.address ?? "-",
  node.ssh ?? "-",
  phaseOf(node),
  node.joins ? (node.joined ? "yes" : "no") : "-",
  node.ready ? "yes" : "no",
  node.version ?? "-",
  node.age === undefined ? "-" : formatSeconds(node.age),
];

/** What holds a node up, if that is known. */
const remarkOf = (node: NodeView): string | undefined => {
  if (node.ready) {
    return undefined;
  }
  if (node.joined) {
    return node.notReadyBecause;
  }
  if (node.status === undefined) {
    return undefined;
  }
  return node.status.ok ? node.status.status.message : node.status.because;
};

/** Who keeps pods away from it, what it found out about its disk and its PCIe link, and how old its snapshots are. */
const notesOf = ({
  name,
  status,
  snapshot,
  keptAway,
}: NodeView): readonly string[] => [
  ...(keptAway === undefined ? [] : [keptAway]),
  ...(status?.ok === true ? Object.values(status.status.notes) : []),
  ...(snapshot === undefined
    ? []
    : [
        snapshot.old
          ? `WARNING: ${snapshot.text}; to see why, on ${name}: ${SNAPSHOT_LOG}`
          : snapshot.text,
      ]),
];

/**
 * A table, followed by what holds nodes up and what they found out about themselves; each line has at most `columns`
 * characters.
 */
export const renderView = (
  view: ClusterView,
  columns: number,
): readonly Line[] => {
  const rows: readonly (readonly string[])[] = [
    HEAD,
    ...view.nodes.map(columnCells),
  ];
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((cells) => displayWidth(cells[column] ?? ""))),
  );
  const table = rows.map((cells, index): Line => {
    const text = cells
      .map((cell, column) => padToWidth(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd();
    if (index === 0) {
      return { text, kind: "head" };
    }
    return { text, kind: view.nodes[index - 1]?.ready ? "ready" : "node" };
  });
  const remarks = view.nodes.flatMap((node): Line[] => {
    const remark = remarkOf(node);
    return [
      ...(remark === undefined || remark === "" ? [] : [remark]),
      ...notesOf(node),
    ].map((text) => ({ text: `${node.name}: ${text}`, kind: "remark" }));
  });
  const api: Line[] =
    view.api === undefined ? [] : [{ text: view.api.message, kind: "remark" }];
  return [...table, ...remarks, ...api].map(({ text, kind }) => ({
    text: cutToWidth(text, columns).trimEnd(),
    kind,
  }));
};

const SSH_WORDS = {
  open: "SSH open",
  closed: "SSH not open yet",
  silent: "no answer",
} as const;

/** One line that changes only when the node does. */
export const renderNodeLine = (node: NodeView): string => {
  if (node.ready) {
    const state = node.joins
      ? `Ready, ${node.version ?? "version unknown"}`
      : `done, ${node.role} beside the cluster`;
    return `${node.name}: ${[state, ...notesOf(node)].join("; ")}`;
  }
  const facts = [
    node.address ?? "not on the network",
    ...(node.ssh === undefined ? [] : [SSH_WORDS[node.ssh]]),
    ...(node.status?.ok === true ? [`phase ${phaseOf(node)}`] : []),
    ...(node.joined ? ["joined, not Ready"] : []),
  ];
  const remark = remarkOf(node);
  return `${node.name}: ${facts.join(", ")}${remark === undefined || remark === "" ? "" : `: ${remark}`}`;
};
