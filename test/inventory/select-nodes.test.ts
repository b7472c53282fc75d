import { describe, expect, it } from "vitest";
import { parseInventory } from "../../src/inventory/parse-inventory.ts";
import { resolveInventory } from "../../src/inventory/resolve.ts";
import { selectNodes } from "../../src/inventory/select-nodes.ts";
import { UserError } from "../../src/report/user-error.ts";

const { inventory } = parseInventory(
  "cluster.yaml",
  `cluster: {name: homelab}
defaults: {users: [{name: ana}]}
nodes:
  - {name: cplane, role: control-plane}
  - {name: worker1, role: worker}
  - {name: worker2, role: worker}
`,
);
if (inventory === undefined) {
  throw new Error("the inventory is wrong");
}
const project = resolveInventory(
  inventory,
  { keys: new Map(), secrets: new Map() },
  { folder: "/", home: "/" },
);

const names = (hosts: readonly string[], role?: string) =>
  selectNodes(project, { hosts, role }).map(({ name }) => name);

const refusal = (hosts: readonly string[], role?: string) => {
  try {
    names(hosts, role);
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
  }
  throw new Error("not refused");
};

describe("the nodes of a command", () => {
  it.each([
    [[], undefined, ["cplane", "worker1", "worker2"]],
    [[], "worker", ["worker1", "worker2"]],
    [["worker2"], undefined, ["worker2"]],
    [["worker2"], "worker", ["worker2"]],
    [["worker2", "cplane", "worker2"], undefined, ["cplane", "worker2"]],
  ])("for hosts %j and role %s are %j", (hosts, role, expected) => {
    expect(names(hosts, role)).toEqual(expected);
  });

  it.each([
    [["worker3"], undefined, /no node "worker3"/, /did you mean worker[12]\?/],
    [["nothing"], undefined, /no node/, /cplane, worker1 and worker2/],
    [["cplane"], "worker", /cplane is a control-plane, not a worker/, /role/],
    [[], "wroker", /no role "wroker"/, /did you mean worker\?/],
    [[], "router", /no role/, /control-plane, worker, gateway and storage/],
  ])("refuse hosts %j and role %s", (hosts, role, message, hint) => {
    const error = refusal(hosts, role);
    expect(error.code).toBe("WRONG_ARGUMENTS");
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(error.state).toBe("nothing was written");
  });

  it("refuse a role that nobody has", () => {
    const planes = project.nodes.filter(({ role }) => role === "control-plane");
    expect(() =>
      selectNodes({ ...project, nodes: planes }, { hosts: [], role: "worker" }),
    ).toThrow("no node with the role worker");
  });
});
