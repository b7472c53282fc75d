// What the commands about a built cluster share: they open its project and its stored secrets, and write neither.
import { day } from "../report/day.ts";
import { ifOneOf } from "../report/expected-failure.ts";
import { secretsFile } from "../project/opened-project.ts";
import type { ResolvedProject } from "../inventory/resolved.ts";
import { readCertificate } from "../kubernetes/certificate.ts";
import { checkSecrets } from "../kubernetes/secrets/check-secrets.ts";
import {
  type LoadedSecrets,
  loadClusterSecrets,
} from "../kubernetes/secrets/load-cluster-secrets.ts";
import { UserError } from "../report/user-error.ts";
import type { Context } from "../terminal/context.ts";
import { openProject } from "./open-project.ts";

type KeptArguments = {
  readonly inventory: string;
  /** File with age identities. */
  readonly identity?: string | undefined;
};

export type KeptProject = LoadedSecrets & {
  readonly project: ResolvedProject;
  /** The inventory's. */
  readonly folder: string;
  /** Path of the secrets file. */
  readonly file: string;
};

/** @throws UserError of the inventory, of the file, and SECRETS_UNREADABLE when there is none */
export const openSecrets = async (
  context: Context,
  { inventory, identity }: KeptArguments,
): Promise<KeptProject> => {
  const { project, folder } = await openProject(context, {
    inventory,
    mayBeImplied: true,
    secrets: "unneeded",
  });
  const file = secretsFile(folder, project);
  const loaded = await loadClusterSecrets(file, {
    identityFile: identity,
    env: context.env,
  });
  if (loaded === undefined) {
    throw new UserError(
      "SECRETS_UNREADABLE",
      `there are no secrets of the cluster ${project.cluster.name} yet: ${file} does not exist`,
      { hint: "`pi-image build` makes them with the images" },
    );
  }
  return { ...loaded, project, folder, file };
};

/** When a certificate begins. A text that is not a certificate never does; checkSecrets reports it. */
const beginOf = (certificate: string): Date => {
  try {
    return readCertificate(certificate).validFrom;
  } catch (error) {
    return ifOneOf(error, [Error], new Date(Number.NaN));
  }
};

/** Certificates are valid from a year before they were made, so a clock that is before that date is certainly wrong. */
const checkClock = (certificate: string, now: Date): void => {
  if (beginOf(certificate) > now) {
    throw new UserError(
      "CLOCK_WRONG",
      `this computer's clock says ${day(now)}, long before the cluster's secrets were made`,
      { hint: "set the clock and run the command again" },
    );
  }
};

/** The same for a command that relies on the secrets: refuses a wrong clock and parts that do not belong together. */
export const openSoundSecrets = async (
  context: Context,
  args: KeptArguments,
): Promise<KeptProject> => {
  const kept = await openSecrets(context, args);
  const now = new Date();
  checkClock(kept.secrets.ca.certificate, now);
  checkSecrets(kept.secrets, kept.project.cluster.name, now);
  return kept;
};
