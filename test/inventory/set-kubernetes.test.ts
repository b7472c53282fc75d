// The version of Kubernetes in an inventory, replaced in place.
import { expect, it } from "vitest";
import { setKubernetes } from "../../src/inventory/set-kubernetes.ts";

it.each([
  [
    '# ours\ncluster:\n  name: home # and garden\n  kubernetes: "1.36" # since May\nnodes: []\n',
    '# ours\ncluster:\n  name: home # and garden\n  kubernetes: "1.37" # since May\nnodes: []\n',
  ],
  ["cluster: {kubernetes: '1.36.5'}\n", 'cluster: {kubernetes: "1.37"}\n'],
  ["cluster: {name: home}\n", 'cluster: {kubernetes: "1.37", name: home}\n'],
  ["cluster: {}\n", 'cluster: {kubernetes: "1.37"}\n'],
  [
    "cluster:\n    # the first\n    name: home\n",
    'cluster:\n    # the first\n    kubernetes: "1.37"\n    name: home\n',
  ],
  [
    'cluster:\r\n  kubernetes:\r\n    version: "1.36"\r\n    podSecurity: baseline\r\n',
    'cluster:\r\n  kubernetes:\r\n    version: "1.37"\r\n    podSecurity: baseline\r\n',
  ],
  [
    "cluster:\n  kubernetes:\n    podSecurity: baseline\n",
    'cluster:\n  kubernetes:\n    version: "1.37"\n    podSecurity: baseline\n',
  ],
])("%j", (text, edited) => {
  expect(setKubernetes(text, "1.37")).toBe(edited);
});

it.each([
  "nodes: []\n",
  "cluster:\n",
  'base: &it "1.36"\ncluster: {kubernetes: *it}\n',
  'cluster: {kubernetes: &it "1.36", other: *it}\n',
  "cluster: [1]\n",
  "cluster: {kubernetes: 1.36\n",
])("leaves %j", (text) => {
  expect(setKubernetes(text, "1.37")).toBeUndefined();
});
