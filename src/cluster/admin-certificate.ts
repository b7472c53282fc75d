// Says, before anything is asked of the cluster, whether the administrator's certificate can be used now.
import type { ClusterSecrets } from "../kubernetes/cluster-secrets.ts";
import { readCertificate } from "../kubernetes/certificate.ts";
import { UserError } from "../report/user-error.ts";
import { minute } from "./explain-connection.ts";

/**
 * @throws UserError ADMIN_CERTIFICATE_ENDED, CLOCK_WRONG
 */
export const checkAdminCertificate = (
  { admin }: Pick<ClusterSecrets, "admin">,
  now: Date,
): void => {
  const { validFrom, validTo } = readCertificate(admin.certificate);
  if (validFrom > now) {
    throw new UserError(
      "CLOCK_WRONG",
      `this computer's clock says ${minute(now)}, long before the cluster's secrets were made`,
      { hint: "set the clock and run the command again" },
    );
  }
  if (validTo < now) {
    throw new UserError(
      "ADMIN_CERTIFICATE_ENDED",
      `the administrator's certificate ended on ${minute(validTo)}; this computer's clock says ${minute(now)}`,
      {
        hint: "if the clock is right, run: pi-image build --format seed (it renews the certificate and writes the new kubeconfig)",
      },
    );
  }
};
