// Which images the objects of a manifest name, and which of them ask a registry although the node has them.
import { describe, expect, it } from "vitest";
import { manifestImages } from "../../src/supplies/manifest-images.ts";

const MANIFEST = `apiVersion: apps/v1
kind: DaemonSet
spec:
  template:
    spec:
      initContainers:
        - name: a
          image: quay.io/one:v1
          imagePullPolicy: IfNotPresent
      containers:
        - { name: b, image: "two@sha256:${"a".repeat(64)}" }
        - name: c
          image: ghcr.io/three:latest
        - name: d
          image: four
        - name: e
          image: localhost:5000/five:1.0
          imagePullPolicy: Always
---
apiVersion: batch/v1
kind: CronJob
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: "six:1" }] } } } } }
---
# An operator's own.
apiVersion: example.com/v1
kind: Thing
spec:
  image: ghcr.io/operator/seven:v7
  other: { image: logo.png }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: { properties: { image: ghcr.io/no/no:v1 } }
---
# nothing
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    spec: { containers: [{ image: "eight:2" }] }
`;

describe("the images of a manifest", () => {
  it("are those of all workloads, with their lines", () => {
    expect(
      manifestImages(MANIFEST).map(
        ({ image, line, column }) => `${line}:${column} ${image}`,
      ),
    ).toEqual([
      "8:18 quay.io/one:v1",
      `11:29 two@sha256:${"a".repeat(64)}`,
      "13:18 ghcr.io/three:latest",
      "15:18 four",
      "17:18 localhost:5000/five:1.0",
      "22:74 six:1",
      "28:10 ghcr.io/operator/seven:v7",
      "42:35 eight:2",
    ]);
  });

  it("say which of them ask a registry", () => {
    expect(
      manifestImages(MANIFEST)
        .filter(({ asksRegistry }) => asksRegistry !== undefined)
        .map(({ image }) => image),
    ).toEqual(["ghcr.io/three:latest", "four", "localhost:5000/five:1.0"]);
  });
});
