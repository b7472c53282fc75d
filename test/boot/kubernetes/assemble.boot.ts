// Real kubeadm, kubelet and containerd: two images, exactly as flashed, become a cluster whose pods talk across nodes.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, onTestFailed } from "vitest";
import { describeAsRoot } from "../../support/tools.ts";
import { CONTROL_PLANE, WORKER } from "../support/inventory.ts";
import { makeRandom } from "../support/random.ts";
import { until } from "../support/until.ts";
import type { Machine } from "../vm/machine.ts";
import type { VmNode } from "../vm/node.ts";
import { describeWithKubernetes } from "./binaries.ts";
import { openDesk, untilReadyOnThisBoot, type Desk } from "./desk.ts";
import { podsTalk } from "./pods.ts";
