// Real members of one etcd, each at an address of its own on the loopback interface, as kubeadm starts them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ClusterSecrets } from "../../src/kubernetes/secrets/cluster-secrets.ts";
import { until } from "../boot/support/until.ts";

export type Member = { readonly name: string; readonly address: string };

export type EtcdLab = {
  /** Of each member's data, under its name, and of the certificate `all.crt` that all of them use. */
  readonly folder: string;
  /** Starts a member; an empty one unless it ran before. */
  readonly start: (
    member: Member,
    initial: readonly Member[],
    state?: "new" | "existing",
  ) => void;
  /** Ends a member's process. */
  readonly stop: (name: string) => Promise<void>;
  /** Ends a member's process, and its data too, as a dead card does. */
  readonly lose: (name: string) => Promise<void>;
  /** What etcd answers to a call of https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/. */
  readonly ask: (address: string, path: string, body: unknown) => Answer;
  readonly healthy: (address: string) => Promise<void>;
};

export type Answer = {
  readonly error?: string;
  readonly members?: readonly {
    readonly ID: string;
    readonly name?: string;
    readonly peerURLs: readonly string[];
    readonly isLearner?: boolean;
  }[];
  readonly member?: { readonly ID: string };
  readonly header?: { readonly member_id: string };
  readonly leader?: string;
};

const url = ({ address }: Pick<Member, "address">, port: number): string =>
  `https://${address}:${port}`;

const openssl = (folder: string, ...args: readonly string[]): void => {
  const { status, stderr } = spawnSync("openssl", args, {
    cwd: folder,
    encoding: "utf8",
    stdio: "pipe",
  });
  if (status !== 0) {
    throw new Error(stderr);
  }
};

/** Test files run at once, and each has a subnet of its own: 127.7.LAB.10 to 19. */
const LABS = [0, 1, 2, 3] as const;

/**
 * One certificate for servers, peers and clients at all of the labs' addresses, by the cluster's own authority. Peers also
 * compare the address that a connection comes from, which is 127.0.0.1.
 */
const makeCertificate = (folder: string, { etcdCa }: ClusterSecrets): void => {
  writeFileSync(join(folder, "ca.crt"), etcdCa.certificate);
  writeFileSync(join(folder, "ca.key"), etcdCa.key.reveal());
  const addresses = LABS.flatMap((subnet) =>
    Array.from({ length: 10 }, (_, n) => `IP:127.7.${subnet}.1${n}`),
  );
  writeFileSync(
    join(folder, "settings"),
    `[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = all\n[name]\nCN = etcd\n[all]\nextendedKeyUsage = serverAuth,clientAuth\nsubjectAltName = IP:127.0.0.1,${addresses.join(",")}\n`,
  );
  openssl(
    folder,
    ..."req -x509 -config settings -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout all.key".split(
      " ",
    ),
    ..."-CA ca.crt -CAkey ca.key -days 2 -out all.crt".split(" "),
  );
};

/** All members end with the test. */
export const etcdLab = (program: string, secrets: ClusterSecrets): EtcdLab => {
  const folder = mkdtempSync(join(tmpdir(), "pi-image-etcd-"));
  const running = new Map<string, ChildProcess>();
  const stop = async (name: string): Promise<void> => {
    const child = running.get(name);
    running.delete(name);
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await ended;
    }
  };
  onTestFinished(async () => {
    await Promise.all([...running.keys()].map(stop));
    rmSync(folder, { recursive: true, force: true });
  });
  makeCertificate(folder, secrets);
  const logOf = (name: string): string => join(folder, `${name}.log`);
  const start: EtcdLab["start"] = (member, initial, state = "new") => {
    const client = url(member, 2379);
    const peer = url(member, 2380);
    const args = {
      name: member.name,
      "data-dir": join(folder, member.name),
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": initial
        .map((one) => `${one.name}=${url(one, 2380)}`)
        .join(","),
      "initial-cluster-state": state,
      "client-cert-auth": "true",
      "trusted-ca-file": "ca.crt",
      "cert-file": "all.crt",
      "key-file": "all.key",
      "peer-client-cert-auth": "true",
      "peer-trusted-ca-file": "ca.crt",
      "peer-cert-file": "all.crt",
      "peer-key-file": "all.key",
    };
    running.set(
      member.name,
      spawn(
        program,
        Object.entries(args).map(([name, value]) => `--${name}=${value}`),
        {
          cwd: folder,
          stdio: ["ignore", "ignore", openSync(logOf(member.name), "a")],
        },
      ),
    );
  };
  const ask: EtcdLab["ask"] = (address, path, body) => {
    const { stdout } = spawnSync(
      "curl",
      [
        ..."--silent --max-time 20 --cacert ca.crt --cert all.crt --key all.key".split(
          " ",
        ),
        "--data",
        JSON.stringify(body),
        `${url({ address }, 2379)}/v3/${path}`,
      ],
      { cwd: folder, encoding: "utf8" },
    );
    return (
      stdout === "" ? { error: "no answer" } : JSON.parse(stdout)
    ) as Answer;
  };
  return {
    folder,
    start,
    stop,
    lose: async (name) => {
      await stop(name);
      rmSync(join(folder, name), { recursive: true, force: true });
      if (existsSync(join(folder, name))) {
        throw new Error(`${name} has data still`);
      }
    },
    ask,
    healthy: (address) =>
      until(
        `etcd at ${address} to read by a majority`,
        () =>
          ask(address, "kv/range", { key: "AA==" }).error === undefined
            ? true
            : undefined,
        {
          seconds: 60,
          where: () =>
            [...running.keys()]
              .map((name) => readFileSync(logOf(name), "utf8").slice(-2000))
              .join("\n"),
        },
      ).then(() => undefined),
  };
};
