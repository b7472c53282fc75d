// The table that `watch` shows, and the sentence that says where to look for a node that is missing.
import { formatSeconds } from "../report/progress-line.ts";
import type { ClusterView, NodeView } from "./observe.ts";

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

const phaseOf = (node: NodeView): string => {
  if (node.ready) {
    return "done";
  }
  return node.status === undefined
    ? "-"
    : [node.status.phase, node.status.state].join(" ");
};

const row = (node: NodeView): string[] => [
  node.name,
  node.role,
  node.address ?? "-",
  node.ssh === "unknown" ? "-" : node.ssh,
  phaseOf(node),
  node.joined ? "yes" : "no",
  node.ready ? "yes" : "no",
  node.version ?? "-",
  node.age === undefined ? "-" : formatSeconds(node.age),
];

/** Lines of at most `columns` characters. */
export const renderView = (view: ClusterView, columns: number): string[] => {
  const rows = [[...HEAD], ...view.nodes.map(row)];
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  for (const node of view.nodes) {
    if (!node.ready && node.status?.message !== undefined) {
      lines.push(`${node.name}: ${node.status.message}`);
    }
  }
  if (view.api !== undefined) {
    lines.push(view.api.message);
  }
  return lines.map((line) => line.slice(0, columns));
};

/** What is missing of a node that is not ready, and where to look. */
export const explainMissing = (node: NodeView): string => {
  if (node.address === undefined) {
    return `${node.name} is not on the network: is it powered, is its cable or Wi-Fi right? Its console shows what it waits for.`;
  }
  if (node.joined) {
    return `${node.name} has joined and is not ready: ${node.notReadyBecause ?? "its kubelet has not reported"}.`;
  }
  if (node.status !== undefined) {
    const message =
      node.status.message === undefined ? "" : `: ${node.status.message}`;
    return `${node.name} is in phase ${node.status.phase} (${node.status.state})${message}`;
  }
  return node.ssh === "open"
    ? `${node.name} answers on SSH and has not joined: \`pi-image doctor ${node.name}\` looks closer.`
    : `${node.name} has the address ${node.address} and its SSH port is ${node.ssh}: it may still be booting.`;
};
