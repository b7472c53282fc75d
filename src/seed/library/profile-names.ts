// Which profile a node has: that of its role, or a special one for a storage node that joins the cluster.
import { ROLES, type ResolvedNode } from "../../inventory/resolved.ts";

const STORAGE_WORKER = "storage-worker";

/** Files under profiles/, without their ending. */
export const PROFILE_NAMES = [...ROLES, STORAGE_WORKER] as const;

export const profileOf = ({
  role,
  joins,
}: ResolvedNode): (typeof PROFILE_NAMES)[number] =>
  role === "storage" && joins ? STORAGE_WORKER : role;
