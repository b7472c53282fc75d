// What the laptop needs to know to ask the API server, and why it may get no answer.
import type { ResolvedProject } from "../inventory/resolved.ts";
import {
  familiesOf,
  hostAndPort,
  laptopServer,
} from "../kubernetes/addresses.ts";
import {
  type CertificateAndKey,
  type ClusterSecrets,
  trustedCas,
} from "../kubernetes/secrets/cluster-secrets.ts";
import { certificatesOf } from "../kubernetes/render-kubeconfig.ts";
import { findAddress } from "./find-address.ts";

export type ApiServer = {
  /** The address to connect to. */
  readonly address: string;
  readonly port: number;
  /** The name that the server's certificate must carry, whatever address it has today. */
  readonly name: string;
  /** PEM of the cluster CA, or of both for the time of a rotation. */
  readonly ca: string;
  readonly client: CertificateAndKey;
};

export type ApiFailure = {
  /**
   * - unreachable, starting: may pass by itself
   * - clock: the clock of the node or of this computer is wrong
   * - refused: the server does not accept the administrator's certificate
   * - foreign, misnamed: another cluster, or another endpoint than the inventory's; waiting does not help
   */
  readonly kind:
    "unreachable" | "starting" | "clock" | "refused" | "foreign" | "misnamed";
  readonly message: string;
  readonly hint?: string | undefined;
};

/** `address:port`, for messages. */
export const apiServerPlace = ({ address, port }: ApiServer): string =>
  hostAndPort(address, port);

/** Where the API server can be reached now, or why that is not known. */
export const locateApi = async (
  project: ResolvedProject,
  secrets: ClusterSecrets,
): Promise<ApiServer | ApiFailure> => {
  const url = new URL(laptopServer(project));
  const address = await findAddress(url.hostname, familiesOf(project));
  if (address === undefined) {
    return {
      kind: "unreachable",
      message: `no device on this network answers to the name ${url.hostname} of the API server`,
    };
  }
  return {
    address,
    // A URL drops the default port of its scheme.
    port: Number(url.port === "" ? 443 : url.port),
    name: project.cluster.endpoint.host,
    ca: certificatesOf(trustedCas(secrets)),
    client: secrets.admin,
  };
};
