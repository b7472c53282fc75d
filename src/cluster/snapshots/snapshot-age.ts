// How old the newest snapshot of etcd on a control plane is, in words.
const HOUR = 3600;
const DAY = 24 * HOUR;

/** Snapshots are daily; a node that was off for a night is no reason to worry anybody. */
const OLD = 2 * DAY;

export type SnapshotAge = { readonly text: string; readonly old: boolean };

/** In steps so coarse that a log, where a line is repeated when it changes, stays short. */
const ageOf = (seconds: number): string => {
  if (seconds < HOUR) {
    return "less than an hour";
  }
  const [number, unit] =
    seconds < OLD
      ? [Math.floor(seconds / HOUR), "hour"]
      : [Math.floor(seconds / DAY), "day"];
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
};

/** @param made when the node says that it was made */
export const snapshotAge = (made: Date, now: Date): SnapshotAge => {
  const seconds = (now.getTime() - made.getTime()) / 1000;
  return {
    text: `the newest snapshot of etcd is ${ageOf(seconds)} old`,
    old: seconds > OLD,
  };
};

/** What shows why there is no newer one. */
export const SNAPSHOT_LOG = "sudo journalctl -u pi-image-snapshot";
