// Where a node stands, from its status.json.

export const PHASES = [
  "10-clock",
  "20-network",
  "30-packages",
  "40-runtime",
  "50-kubeadm",
  "55-scrub",
  "60-cni",
] as const;

export const STATUS_FILE = "/run/pi-image-status.json";
export const DONE_FILE = "/var/lib/pi-image/done";

/** `cplane: kubeadm waiting: The control plane ...`, or that there is no status yet. */
export const tellStatus = (name: string, json: string | undefined): string => {
  if (json === undefined) {
    return `${name}: the node unit has not said anything`;
  }
  const status: unknown = JSON.parse(json);
  const field = (key: string): unknown =>
    typeof status === "object" && status !== null
      ? Object.entries(status).find(([name]) => name === key)?.[1]
      : undefined;
  return `${name}: ${String(field("phase"))} ${String(field("state"))}: ${String(field("message"))}`;
};
