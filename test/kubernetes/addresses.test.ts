// How the laptop reaches the API server of a cluster behind a gateway, and that its certificate says so.
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { laptopServer } from "../../src/kubernetes/addresses.ts";
import { kubeadmDocument } from "../../src/kubernetes/kubeadm-documents.ts";
import { joinsByIdentity } from "../../src/kubernetes/secrets/secrets-whereabouts.ts";
import {
  fixedSecrets,
  gatewayProject,
  sampleNode,
} from "../seed/sample-project.ts";

const project = gatewayProject();
const plane = project.nodes[1] ?? sampleNode;

const closed = {
  ...project,
  nodes: project.nodes.map((node) => ({
    ...node,
    serves: node.serves && { ...node.serves, forwards: [] },
  })),
};

const names = (of: typeof project): unknown =>
  parseAllDocuments(kubeadmDocument(of, plane, fixedSecrets()))[1]?.getIn(
    ["apiServer", "certSANs"],
    false,
  );

it("goes through the port of the gateway that leads there", () => {
  expect(laptopServer(project)).toBe("https://gate.local:6443");
  expect(JSON.stringify(names(project))).toContain('"gate.local"');
});

it("is the control plane's own address without such a port", () => {
  expect(laptopServer(closed)).toBe("https://10.0.0.2:6443");
  expect(JSON.stringify(names(closed))).not.toContain("gate");
});

it("gives a gateway no right to join", () => {
  expect(joinsByIdentity(project, "gate")).toBe(false);
  expect(joinsByIdentity(project, "worker1")).toBe(true);
});
