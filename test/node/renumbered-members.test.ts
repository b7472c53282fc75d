// Three real members of one etcd that get the addresses of another network all at once.
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeAsRoot } from "../support/tools.ts";
import { lastingSecrets } from "./join-identities.ts";
import { membersOnASwitch, type Members } from "./members-on-a-switch.ts";

const ETCD =
  process.env["PI_IMAGE_KUBE_BIN"] === undefined
    ? "etcd"
    : join(process.env["PI_IMAGE_KUBE_BIN"], "etcd");

const OLD = {
  cplane: "10.71.0.10",
  cplane2: "10.71.0.11",
  cplane3: "10.71.0.12",
};
const NEW = {
  cplane: "10.72.0.50",
  cplane2: "10.72.0.51",
  cplane3: "10.72.0.52",
};
type Name = keyof typeof OLD;
const ALL = Object.keys(OLD) as [Name, Name, Name];
const PAIRS = ALL.map((name) => `${OLD[name]}=${NEW[name]}`);

const BOTH = ALL.map((name) => `${name} ${OLD[name]} ${NEW[name]}`);
const ONLY_NEW = ALL.map((name) => `${name} ${NEW[name]}`);

const ORDERS: readonly (readonly [Name, Name, Name])[] = [
  ["cplane", "cplane2", "cplane3"],
  ["cplane", "cplane3", "cplane2"],
  ["cplane2", "cplane", "cplane3"],
  ["cplane2", "cplane3", "cplane"],
  ["cplane3", "cplane", "cplane2"],
  ["cplane3", "cplane2", "cplane"],
];

const begin = async (): Promise<Members> => {
  const lab = await membersOnASwitch(ETCD, await lastingSecrets(), OLD);
  ALL.forEach(lab.start);
  for (const name of ALL) {
    await lab.healthy(name);
  }
  lab.write("cplane", "from the old network");
  return lab;
};

const done = { status: 0, said: "" };

const move = (lab: Members): void => {
  for (const name of ALL) {
    lab.give(name, NEW[name]);
  }
};

describeAsRoot(
  [ETCD, "curl", "flock", "ip", "openssl"],
  "three members that move at once",
  () => {
    it("find each other in every order of their start, with a power cut of all in the middle", async () => {
      const lab = await begin();
      expect(lab.renumber("cplane2", "members", ...PAIRS)).toEqual(done);
      expect(lab.file("cplane2", "kubeadm-config")).toContain("- new\n");
      for (const name of ALL) {
        expect(lab.renumber(name, "plane", ...PAIRS)).toEqual(done);
        expect(lab.members(name)).toEqual(BOTH);
      }
      await lab.cut(...ALL);
      lab.keep();
      move(lab);
      for (const [first, second, third] of ORDERS) {
        const order = `${first}, ${second}, ${third}`;
        lab.putBack();
        lab.start(first);
        lab.start(second);
        await lab.healthy(first);
        expect(lab.read(second), order).toBe("from the old network");
        expect(lab.tell(first, NEW[first]), order).toEqual(done);
        // The others' power goes before they have told theirs, and the first one's when it has.
        await lab.cut(first, second);
        lab.start(third);
        lab.start(second);
        await lab.healthy(third);
        lab.write(second, order);
        expect(lab.tell(second, NEW[second]), order).toEqual(done);
        expect(lab.tell(third, NEW[third]), order).toEqual(done);
        // An hour later.
        lab.start(first);
        await lab.healthy(first);
        expect(lab.read(first), order).toBe(order);
        expect(lab.members(first), order).toEqual(ONLY_NEW);
        await lab.cut(...ALL);
      }
    }, 300_000);

    it("are told however often it was cut, and work between", async () => {
      const lab = await begin();
      for (const cutAfter of [1, 2, 3]) {
        expect(
          lab.renumber("cplane", "members", ...PAIRS.slice(0, cutAfter)),
        ).toEqual(done);
        expect(lab.members("cplane3")).toEqual(
          ALL.map((name, index) =>
            index < cutAfter
              ? `${name} ${OLD[name]} ${NEW[name]}`
              : `${name} ${OLD[name]}`,
          ),
        );
        // In the old network, too, they find each other at once.
        await lab.cut(...ALL);
        ALL.forEach(lab.start);
        for (const name of ALL) {
          await lab.healthy(name);
        }
      }
      // Other addresses after all.
      const other = PAIRS.map((pair) => pair.replace("=10.72.", "=10.73."));
      expect(lab.renumber("cplane", "members", ...other)).toEqual(done);
      expect(lab.members("cplane")).toEqual(
        BOTH.map((line) => line.replace(" 10.72.", " 10.73.")),
      );
    }, 180_000);

    it("take in one whose etcd was off when they were told", async () => {
      const lab = await begin();
      await lab.cut("cplane3");
      expect(lab.renumber("cplane", "members", ...PAIRS)).toEqual(done);
      expect(lab.renumber("cplane3", "plane", ...PAIRS)).toEqual({
        status: 1,
        said: "its etcd does not know the new addresses of all members",
      });
      await lab.cut(...ALL);
      move(lab);
      ALL.forEach(lab.start);
      for (const name of ALL) {
        await lab.healthy(name);
      }
      expect(lab.members("cplane3")).toEqual(BOTH);
    }, 180_000);

    it("find each other though strangers have their old addresses", async () => {
      const lab = await begin();
      expect(lab.renumber("cplane", "members", ...PAIRS)).toEqual(done);
      await lab.cut(...ALL);
      move(lab);
      await lab.strangersTake(Object.values(OLD));
      ALL.forEach(lab.start);
      for (const name of ALL) {
        await lab.healthy(name);
        expect(lab.tell(name, NEW[name])).toEqual(done);
      }
      expect(lab.members("cplane")).toEqual(ONLY_NEW);
    }, 180_000);

    it("say what one alone waits for, and run without one that never comes", async () => {
      const lab = await begin();
      expect(lab.renumber("cplane", "members", ...PAIRS)).toEqual(done);
      await lab.cut(...ALL);
      move(lab);
      lab.start("cplane2");
      expect(lab.tell("cplane2", NEW.cplane2)).toEqual({
        status: 0,
        said: "etcd on this node has its new address and waits for a majority of the control planes: switch a (1) and b (2) on. One that does not come up is flashed anew when the others run.",
      });
      lab.start("cplane");
      await lab.healthy("cplane");
      expect(lab.tell("cplane", NEW.cplane)).toEqual(done);
      expect(lab.tell("cplane2", NEW.cplane2)).toEqual(done);
      // Told again by a command that knows of no run before.
      expect(lab.renumber("cplane", "members", ...PAIRS)).toEqual(done);
      const id = lab
        .ask("cplane", "cluster/member/list")
        .members?.find(({ name }) => name === "cplane3")?.ID;
      expect(
        lab.ask("cplane", "cluster/member/remove", { ID: id }).error,
      ).toBeUndefined();
      expect(lab.members("cplane2")).toEqual(ONLY_NEW.slice(0, 2));
    }, 180_000);

    it("cannot be told while there is no majority, nor of another's address", async () => {
      const lab = await begin();
      expect(
        lab.renumber("cplane", "members", `${OLD.cplane}=${OLD.cplane2}`),
      ).toEqual({
        status: 1,
        said: "etcd does not take the new address of cplane: etcdserver: Peer URLs already exists",
      });
      await lab.cut("cplane2", "cplane3");
      const { status, said } = lab.renumber("cplane", "members", ...PAIRS);
      expect(status).toBe(1);
      expect(said).toMatch(/^etcd has no majority of its members \(.+\)$/);
      expect(lab.members("cplane")).toEqual(
        ALL.map((name) => `${name} ${OLD[name]}`),
      );
    }, 180_000);
  },
);
