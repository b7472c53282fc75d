// A card that replaces a dead control plane, before real members of etcd: what has to go goes, and what lives stays.
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type {
  ResolvedNode,
  ResolvedProject,
} from "../../src/inventory/resolved.ts";
import {
  controlPlane,
  sampleProject,
  staticNetwork,
} from "../seed/sample-project.ts";
import { describeAsRoot } from "../support/tools.ts";
import { until } from "../boot/support/until.ts";
import { etcdLab, type Member } from "./etcd-lab.ts";
import { lastingSecrets } from "./join-identities.ts";
import { powerOn } from "./fake-node.ts";
import { lay, said, verbs } from "./kubeadm-phase.ts";
import { runToEnd } from "./phase.ts";

const ETCD =
  process.env["PI_IMAGE_KUBE_BIN"] === undefined
    ? "etcd"
    : join(process.env["PI_IMAGE_KUBE_BIN"], "etcd");

const MEMBERS: readonly [Member, Member, Member] = [
  { name: "cplane", address: "127.7.0.10" },
  { name: "cplane2", address: "127.7.0.11" },
  { name: "cplane3", address: "127.7.0.12" },
];

const nodeAt = ({ name, address }: Member): ResolvedNode => ({
  ...controlPlane,
  name,
  network: staticNetwork(`${address}/24`),
});

/** The three control planes, one of them perhaps at another address. */
const projectOf = (members: readonly Member[]): ResolvedProject => ({
  cluster: {
    ...sampleProject.cluster,
    endpoint: {
      host: "api.home",
      port: 6443,
      address: "127.7.0.19",
      virtual: true,
    },
  },
  nodes: members.map(nodeAt),
});

/** A lab whose three members have elected a leader. */
const cluster = async () => {
  const lab = etcdLab(ETCD, await lastingSecrets());
  for (const member of MEMBERS) {
    lab.start(member, MEMBERS);
  }
  for (const { address } of MEMBERS) {
    await lab.healthy(address);
  }
  return lab;
};

type Lab = Awaited<ReturnType<typeof cluster>>;

const leaderOf = (lab: Lab): Member => {
  for (const member of MEMBERS) {
    const { leader, header } = lab.ask(
      member.address,
      "maintenance/status",
      {},
    );
    if (leader !== undefined && leader === header?.member_id) {
      return member;
    }
  }
  throw new Error("no leader");
};

/** The new card, which asks the real members; the API servers of those that live answer. */
const flashAnew = async (
  card: Member,
  alive: readonly Member[],
  after: Readonly<Record<number, string>> = {},
): Promise<string> => {
  const root = await lay({
    project: projectOf(
      MEMBERS.map((member) => (member.name === card.name ? card : member)),
    ),
    node: nodeAt(card),
    world: {
      address: card.address,
      "api-servers": alive.map(({ address }) => address).join("\n"),
      begun: " ",
    },
    after,
  });
  rmSync(join(root, "bin/curl"));
  symlinkSync("/usr/bin/curl", join(root, "bin/curl"));
  return root;
};

const POWER_CUT = { 1: "cut_power" };

/** What kubeadm does then: adds an empty learner, starts it, and makes a voter of it. */
const joinAgain = async (lab: Lab, card: Member, through: Member) => {
  const peerURLs = [`https://${card.address}:2380`];
  const added = await until(
    "etcd to take the new member",
    () => {
      const { member } = lab.ask(through.address, "cluster/member/add", {
        peerURLs,
        isLearner: true,
      });
      return member;
    },
    { seconds: 60 },
  );
  lab.start(
    card,
    [...MEMBERS.filter(({ name }) => name !== card.name), card],
    "existing",
  );
  await until(
    "the learner to become a voter",
    () =>
      lab.ask(through.address, "cluster/member/promote", { ID: added.ID })
        .error === undefined
        ? true
        : undefined,
    { seconds: 60 },
  );
  await lab.healthy(card.address);
};

describeAsRoot(
  [ETCD, "curl", "flock", "openssl", "shred"],
  "a control plane's card flashed anew",
  () => {
    it.each([
      ["a follower", (lab: Lab) => MEMBERS.find((it) => it !== leaderOf(lab))],
      ["the leader", leaderOf],
    ])("takes the place of %s that died", async (_, choose) => {
      const lab = await cluster();
      const dead = choose(lab) ?? MEMBERS[0];
      const alive = MEMBERS.filter((member) => member !== dead);
      const [through] = alive as [Member, Member];
      await lab.lose(dead.name);
      await lab.healthy(through.address);
      const root = await flashAnew(dead, alive);
      await runToEnd(root);
      expect(said(root)).toContain(
        `Taking the card that this one replaces out of etcd (${dead.name} at ${dead.address}).`,
      );
      expect(verbs(root)).toEqual(["join"]);
      await joinAgain(lab, dead, through);
      const { members } = lab.ask(through.address, "cluster/member/list", {});
      expect(members?.map(({ peerURLs }) => peerURLs[0]).toSorted()).toEqual(
        MEMBERS.map(({ address }) => `https://${address}:2380`),
      );
    });

    it("takes it at another address, too", async () => {
      const lab = await cluster();
      const [first, second, third] = MEMBERS;
      await lab.lose(third.name);
      await lab.healthy(first.address);
      const moved = { ...third, address: "127.7.0.13" };
      const root = await flashAnew(moved, [first, second]);
      await runToEnd(root);
      expect(said(root)).toContain(
        "Taking the card that this one replaces out of etcd (cplane3 at 127.7.0.12).",
      );
      await joinAgain(lab, moved, first);
    });

    it("waits beside a living machine of its name", async () => {
      const lab = await cluster();
      const [first, second, third] = MEMBERS;
      const card = { ...third, address: "127.7.0.13" };
      const root = await flashAnew(card, [first, second], POWER_CUT);
      await powerOn(root);
      expect(said(root).at(-1)).toBe(
        "Another machine runs as cplane3 at 127.7.0.12 and is a member of the cluster. Switch it off if this card replaces it, or give this node another name.",
      );
      const { members } = lab.ask(first.address, "cluster/member/list", {});
      expect(members).toHaveLength(3);
    });

    it("says what two dead of three mean, and changes nothing", async () => {
      const lab = await cluster();
      const [first, second, third] = MEMBERS;
      await lab.lose(second.name);
      await lab.lose(third.name);
      const root = await flashAnew(third, [first], POWER_CUT);
      await powerOn(root);
      expect(said(root).at(-1)).toMatch(
        /^etcd on cplane knows no majority of its members \(etcdserver: [a-z ]+\)\. Switch on the control planes that have not failed; if most of them are lost for good, see docs\/day-2\.md of pi-image\.$/,
      );
      const { members } = lab.ask(first.address, "cluster/member/list", {});
      expect(members).toHaveLength(3);
    });
  },
);
