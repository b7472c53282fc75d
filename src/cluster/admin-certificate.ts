// Says, before anything is asked of the cluster, whether the administrator's certificate can be used now.
import { readCertificate } from "../kubernetes/certificate.ts";
import type { ClusterSecrets } from "../kubernetes/secrets/cluster-secrets.ts";
import { UserError } from "../report/user-error.ts";
import type { ApiFailure } from "./reach-api-server.ts";
import { minute } from "./explain-connection.ts";

/** The error for a certificate that has ended; undefined for one that has not. */
export const endedAdminCertificate = (
  { admin }: Pick<ClusterSecrets, "admin">,
  now: Date,
): ApiFailure | undefined => {
  const { validTo } = readCertificate(admin.certificate);
  return validTo > now
    ? undefined
    : {
        kind: "refused",
        message: `the administrator's certificate ended on ${minute(validTo)}; this computer's clock says ${minute(now)}`,
        hint: "if the clock is right, run: pi-image build --format seed (it renews the certificate and writes the new kubeconfig)",
      };
};

/** @throws UserError ADMIN_CERTIFICATE_ENDED */
export const demandAdminCertificate = (
  secrets: Pick<ClusterSecrets, "admin">,
  now: Date,
): void => {
  const failure = endedAdminCertificate(secrets, now);
  if (failure !== undefined) {
    throw new UserError("ADMIN_CERTIFICATE_ENDED", failure.message, {
      hint: failure.hint,
    });
  }
};
