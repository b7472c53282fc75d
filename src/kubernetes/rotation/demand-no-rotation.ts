// Cards are built for one set of authorities, and a cluster whose authorities are being exchanged has two.
import { UserError } from "../../report/user-error.ts";
import type { ClusterSecrets } from "../secrets/cluster-secrets.ts";

/** @throws UserError ROTATION_UNFINISHED */
export const demandNoRotation = ({
  rotation,
}: Pick<ClusterSecrets, "rotation">): void => {
  if (rotation !== undefined) {
    throw new UserError(
      "ROTATION_UNFINISHED",
      "the cluster's authorities are being replaced, and a card that is made now could not join when the old ones are gone",
      {
        hint: "finish it first: pi-image secrets rotate --authority",
        state: "nothing was written",
      },
    );
  }
};
