// Which role images a release has: the chosen roles, each with every base that its nodes have.
import { systemFacts } from "../inventory/boards/systems.ts";
import { withBase } from "../inventory/boards/base-facts.ts";
import {
  KUBERNETES_ROLES,
  type ResolvedProject,
  type Role,
} from "../inventory/resolved.ts";
import type { Problem } from "../report/problem.ts";
import { UserError } from "../report/user-error.ts";

type Chosen = {
  /** `--role` and `--base`. */
  readonly role: string | undefined;
  readonly base: string | undefined;
};

export type RoleAndBase = { readonly role: Role; readonly base: string };

const state = "nothing was written";

/**
 * Refuses a base without cloud-init: nothing in it reads vendor-data, and the script that pi-image's own unit runs belongs
 * to one node.
 */
const demandCloudInit = ({ role, base }: RoleAndBase): void => {
  if (!systemFacts(base).cloudInit) {
    throw new UserError(
      "BASE_UNSUITABLE",
      `a role image cannot be made from ${base}: without cloud-init it would be the same for every role, and nothing could give it an identity`,
      {
        state,
        hint: `build the nodes' own images with \`pi-image build --role ${role}\`, or release from an Ubuntu or Raspberry Pi OS base`,
      },
    );
  }
};

/** Each pair once; `problems` are about a base from the command line. Throws WRONG_ARGUMENTS and BASE_UNSUITABLE. */
export const releaseImages = (
  { nodes, cluster }: ResolvedProject,
  chosen: Chosen,
): {
  readonly images: readonly RoleAndBase[];
  readonly problems: readonly Problem[];
} => {
  const roles = KUBERNETES_ROLES.filter(
    (role) => chosen.role === undefined || role === chosen.role,
  );
  const { nodes: released, problems } = withBase(
    nodes.filter(({ role }) => roles.some((known) => known === role)),
    chosen.base,
    cluster,
  );
  const images = roles.flatMap((role) =>
    [
      ...new Set(
        released.filter((node) => node.role === role).map(({ base }) => base),
      ),
    ].map((base) => ({ role, base })),
  );
  if (images.length === 0) {
    throw new UserError(
      "WRONG_ARGUMENTS",
      `no node of the inventory has the role ${chosen.role}`,
      { state, hint: `the roles are ${KUBERNETES_ROLES.join(" and ")}` },
    );
  }
  images.forEach(demandCloudInit);
  return { images, problems };
};
