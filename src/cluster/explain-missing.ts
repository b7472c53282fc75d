// Says what a node that is not Ready lacks, and where to look.
import type { NodeView } from "./observe.ts";

const doctorHint = (name: string): string =>
  `\`pi-image doctor ${name}\` looks closer`;

const missing = (node: NodeView, sshCommand: string): string => {
  if (node.joined) {
    return `has joined and is not Ready: ${node.notReadyBecause ?? "its kubelet has not reported yet"}; ${doctorHint(node.name)}`;
  }
  const not = node.joins ? "has not joined" : "is not done";
  if (node.address === undefined) {
    return "is not on the network; check its power, its cable or Wi-Fi, and its console, which says what it waits for";
  }
  switch (node.ssh) {
    case "open": {
      if (node.status?.ok === true) {
        const { phase, state, message } = node.status.status;
        return `${not}: its phase ${phase} is ${state}${message === "" ? "" : `: ${message.replace(/\.$/, "")}`}; its log: ${sshCommand} ${node.name} journalctl -u pi-image-node`;
      }
      return `${not}: ${node.status?.because ?? "it has not said why"}; ${doctorHint(node.name)}`;
    }
    case "closed":
      return `is up at ${node.address} and SSH is not listening yet: it is still booting, or cloud-init found no seed; check its console`;
    case undefined:
      return `${not}: ${node.status?.ok === false ? node.status.because : "nothing is known of it"}; ${doctorHint(node.name)}`;
    case "silent":
      return `does not answer at ${node.address}; check its power, its cable or Wi-Fi, and its console`;
  }
};

/** `sshCommand` is the command with which a person logs in to a node. */
export const explainMissingNodes = (
  node: NodeView,
  sshCommand: string,
): string => `${node.name} ${missing(node, sshCommand)}`;
