// An API server's stand-in: TLS with a certificate of the cluster's CA, client certificates, and a list of nodes.
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import type { CertificateAndKey } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { servingCertificate, type Validity } from "./serving-certificate.ts";

export type StandInNode = {
  readonly name: string;
  readonly ready: boolean;
  readonly message?: string;
  readonly address?: string;
};

export type StandInState = {
  readonly nodes: readonly StandInNode[];
  /** `kubeadm init` binds the administrators' group late. */
  readonly adminsKnown?: boolean;
  /** Answers with this instead. */
  readonly broken?: { readonly status: number; readonly text: string };
  /** What the server's clock says. */
  readonly date?: Date;
};

type StandInOptions = {
  readonly ca: CertificateAndKey;
  /** The CA that client certificates must come from; the same unless a test says otherwise. */
  readonly clientCa?: CertificateAndKey;
  readonly names?: readonly string[];
  readonly validity?: Validity;
  readonly address?: string;
  readonly port?: number;
  readonly state: () => StandInState;
};

const nodeObject = ({ name, ready, message, address }: StandInNode) => ({
  metadata: { name, creationTimestamp: "2026-11-20T08:00:00Z" },
  status: {
    conditions: [
      { type: "MemoryPressure", status: "False" },
      { type: "Ready", status: ready ? "True" : "False", message },
    ],
    addresses: address === undefined ? [] : [{ type: "InternalIP", address }],
    nodeInfo: { kubeletVersion: "v1.36.2" },
  },
});

const answer = (
  socket: TLSSocket,
  path: string | undefined,
  state: StandInState,
): { readonly status: number; readonly text: string } => {
  if (state.broken !== undefined) {
    return state.broken;
  }
  if (!socket.authorized) {
    return { status: 401, text: '{"kind":"Status","code":401}' };
  }
  if (state.adminsKnown === false) {
    return { status: 403, text: '{"kind":"Status","code":403}' };
  }
  return path === "/api/v1/nodes"
    ? {
        status: 200,
        text: JSON.stringify({
          kind: "NodeList",
          items: state.nodes.map(nodeObject),
        }),
      }
    : { status: 404, text: '{"kind":"Status","code":404}' };
};

/** Port 0 takes a free one; `address()` of the server tells it. */
export const startApiStandIn = async ({
  ca,
  clientCa = ca,
  names = ["cplane"],
  validity,
  address = "127.0.0.1",
  port = 0,
  state,
}: StandInOptions): Promise<Server> => {
  const server = createServer(
    {
      ...(await servingCertificate(ca, names, validity)),
      ca: clientCa.certificate,
      requestCert: true,
      // As Kubernetes does: who has no valid certificate gets 401, not a closed connection.
      rejectUnauthorized: false,
    },
    (request, response) => {
      const now = state();
      const { status, text } = answer(
        request.socket as TLSSocket,
        request.url,
        now,
      );
      response.writeHead(status, {
        date: (now.date ?? new Date()).toUTCString(),
      });
      response.end(text);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, address, resolve);
  });
  return server;
};
