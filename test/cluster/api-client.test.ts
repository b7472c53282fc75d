// Every way in which an API server can answer or not, from a real TLS server on the loopback.
import { webcrypto } from "node:crypto";
import { createServer, type AddressInfo, type Server } from "node:net";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { cancelled } from "../../src/report/cancelled.ts";
import { askApi } from "../../src/cluster/api-client.ts";
import { parseNodeList } from "../../src/cluster/api-nodes.ts";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { makeClusterSecrets } from "../../src/kubernetes/secrets/make-cluster-secrets.ts";
import { homelab } from "../kubernetes/project.ts";
import { startApiStandIn, type StandInState } from "./api-stand-in.ts";

const DAY = 24 * 60 * 60 * 1000;
const making = { now: new Date(), crypto: webcrypto };

let secrets: ClusterSecrets;
let others: ClusterSecrets;

beforeAll(async () => {
  secrets = await makeClusterSecrets(homelab, making);
  others = await makeClusterSecrets(homelab, making);
});

const portOf = (server: Server): number => {
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

const ask = (port: number, client = secrets.admin, path = "/api/v1/nodes") =>
  askApi(
    {
      address: "127.0.0.1",
      port,
      name: "cplane",
      ca: secrets.ca.certificate,
      client,
    },
    path,
    { signal: new AbortController().signal, now: () => new Date() },
  );

const empty = (): StandInState => ({ nodes: [] });

const failureOf = async (answer: ReturnType<typeof ask>) => {
  const given = await answer;
  if (given.ok) {
    throw new Error("it answered");
  }
  return given.failure;
};

const listen = async (
  options: Partial<Parameters<typeof startApiStandIn>[0]> = {},
): Promise<number> =>
  portOf(await startApiStandIn({ ca: secrets.ca, state: empty, ...options }));

describe("askApi", () => {
  it("gets the nodes with the administrator's certificate", async () => {
    const port = await listen({
      state: () => ({
        nodes: [
          { name: "cplane", ready: true, address: "192.168.77.50" },
          { name: "worker1", ready: false, message: "no network plug-in" },
        ],
      }),
    });
    const answer = await ask(port);
    expect(answer.ok && parseNodeList(answer.body)).toEqual([
      {
        name: "cplane",
        ready: true,
        notReadyBecause: undefined,
        version: "v1.36.2",
        address: "192.168.77.50",
        joined: new Date("2026-11-20T08:00:00Z"),
        keptAway: undefined,
      },
      {
        name: "worker1",
        ready: false,
        notReadyBecause: "no network plug-in",
        version: "v1.36.2",
        address: undefined,
        joined: new Date("2026-11-20T08:00:00Z"),
        keptAway: undefined,
      },
    ]);
  });

  it.each([
    [
      undefined,
      "takes no new pods: it is cordoned; `kubectl uncordon w` ends that",
    ],
    [
      "upgrade",
      "has no pods for its upgrade; if none is at work, `pi-image upgrade` goes on where it stopped",
    ],
    [
      "restart:3f2a",
      "has no pods for its restart; if none is at work, `pi-image restart` goes on where it stopped",
    ],
    [
      "remove",
      "leaves the cluster; if none is at work, `pi-image node remove w` goes on where it stopped",
    ],
  ])("says who keeps pods away from a node: %s", (mark, sentence) => {
    const body = {
      items: [
        {
          metadata: {
            name: "w",
            annotations:
              mark === undefined ? {} : { "pi-image/cordoned": mark },
          },
          spec: { unschedulable: true },
        },
      ],
    };
    expect(parseNodeList(body)?.[0]?.keptAway).toBe(sentence);
  });

  it("knows an API server of another cluster, also where all authorities have the same name", async () => {
    const failure = await failureOf(ask(await listen({ ca: others.ca })));
    expect(failure.kind).toBe("foreign");
    expect(failure.message).toContain("belongs to another cluster");
  });

  it("knows an API server of this cluster with another endpoint", async () => {
    const port = await listen({ names: ["kubernetes", "old.home.arpa"] });
    const failure = await failureOf(ask(port));
    expect(failure.kind).toBe("misnamed");
    expect(failure.message).toContain(
      "its certificate is for kubernetes, old.home.arpa, not for cplane",
    );
  });

  it("blames the clocks for a certificate that begins tomorrow", async () => {
    const failure = await failureOf(
      ask(
        await listen({
          validity: {
            from: new Date(Date.now() + DAY),
            to: new Date(Date.now() + 2 * DAY),
          },
        }),
      ),
    );
    expect(failure.kind).toBe("clock");
    expect(failure.message).toMatch(
      /begins only on \d{4}-\d\d-\d\d \d\d:\d\d UTC, and this computer's clock says \d{4}/,
    );
  });

  it("says when the server's certificate ended", async () => {
    const failure = await failureOf(
      ask(
        await listen({
          validity: {
            from: new Date(Date.now() - 2 * DAY),
            to: new Date(Date.now() - DAY),
          },
        }),
      ),
    );
    expect(failure.kind).toBe("clock");
    expect(failure.message).toContain(" ended on ");
    expect(failure.hint).toContain("kubeadm certs renew");
  });

  it("says that the administrator's certificate is refused", async () => {
    const failure = await failureOf(ask(await listen(), others.admin));
    expect(failure).toEqual({
      kind: "refused",
      message: expect.stringMatching(
        /^the API server at 127\.0\.0\.1:\d+ does not accept the administrator's certificate$/,
      ),
      hint: expect.stringContaining("flash it again"),
    });
  });

  it("compares the clocks when the certificate is refused", async () => {
    const port = await listen({
      clientCa: others.ca,
      state: () => ({ nodes: [], date: new Date("2030-01-02T03:04:05Z") }),
    });
    const failure = await failureOf(ask(port));
    expect(failure.message).toContain("its clock says 2030-01-02 03:04 UTC");
    expect(failure.hint).toBe("set the clock that is wrong");
  });

  it.each([
    [{ nodes: [], adminsKnown: false }, "does not know the cluster's admini"],
    [
      { nodes: [], broken: { status: 503, text: "wait" } },
      "answers with status 503",
    ],
    [
      { nodes: [], broken: { status: 200, text: "<html>" } },
      "is not an API server",
    ],
  ] satisfies [StandInState, string][])(
    "takes %j for a server that starts",
    async (state, words) => {
      const failure = await failureOf(
        ask(await listen({ state: () => state })),
      );
      expect(failure.kind).toBe("starting");
      expect(failure.message).toContain(words);
    },
  );

  it("knows a port that nobody listens on", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => {
      server.close(resolve);
    });
    const failure = await failureOf(ask(port));
    expect(failure.kind).toBe("starting");
    expect(failure.message).toContain("is not listening yet");
  });

  it("knows a listener that speaks something else", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("SSH-2.0-OpenSSH_9.6\r\n");
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const failure = await failureOf(ask(portOf(server)));
    expect(failure.message).toContain("is not an API server");
  });

  it("stops when it is told to", async () => {
    const port = await listen();
    const stop = new AbortController();
    stop.abort(cancelled());
    await expect(
      askApi(
        {
          address: "127.0.0.1",
          port,
          name: "cplane",
          ca: secrets.ca.certificate,
          client: secrets.admin,
        },
        "/api/v1/nodes",
        { signal: stop.signal, now: () => new Date() },
      ),
    ).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("parseNodeList", () => {
  it("refuses what is not a list of nodes", () => {
    expect(parseNodeList({ kind: "Status" })).toBeUndefined();
  });
});
