// Notes in the lockfile that the cluster was seen running.
import { publicKeyHash } from "../kubernetes/certificate.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { day } from "../report/day.ts";
import { loadLock, lockPath, storeLock } from "./lock-file.ts";

/**
 * Without a lockfile there is nothing that a later build could read, so none is made. Of the same cluster only the first day is
 * noted, or the file would change with every look.
 *
 * @param kubernetes the minor that its control planes run, such as "1.36", where that was seen
 * @throws UserError of the lockfile
 */
export const noteRun = async (
  folder: string,
  inventory: string,
  { ca }: ClusterSecrets,
  now: Date,
  kubernetes?: string,
): Promise<void> => {
  const file = lockPath(folder, inventory);
  const lock = await loadLock(file);
  const authority = publicKeyHash(ca.certificate);
  if (lock === undefined) {
    return;
  }
  const known =
    lock.cluster?.authority === authority ? lock.cluster : undefined;
  const running = kubernetes ?? known?.kubernetes;
  await storeLock(file, {
    ...lock,
    cluster: {
      authority,
      ran: known?.ran ?? day(now),
      ...(running === undefined ? {} : { kubernetes: running }),
    },
  });
};
