// The ports that a gateway forwards: each only once, only to nodes behind it, and one of them to the API server.
import type { Problem } from "../../report/problem.ts";
import type { DraftCheck } from "../draft.ts";
import { draftGateway, draftMember } from "../draft-gateway.ts";
import { API_PORT } from "../endpoint.ts";
import { isBehind } from "../gateway-network.ts";
import { nodesOf } from "../settings.ts";
import { closest } from "../wording.ts";

/** Ports that the gateway itself needs, for SSH, DNS, DHCP and mDNS. */
const OWN_PORTS: Readonly<Record<string, string>> = {
  "tcp 22": "SSH",
  "tcp 53": "DNS",
  "udp 53": "DNS",
  "udp 67": "DHCP",
  "udp 68": "DHCP",
  "udp 5353": "mDNS",
};

export const checkForwards: DraftCheck = (draft) => {
  const gateway = draftGateway(draft);
  if (gateway === undefined) {
    return [];
  }
  const nodes = nodesOf(draft);
  const behind = nodes.filter(({ index }) =>
    isBehind(gateway.network, draftMember(draft, index)),
  );
  const seen = new Map<string, number>();
  return (gateway.node.serves?.forwards ?? []).flatMap(
    (forward, number): readonly Problem[] => {
      const path = [...gateway.path, "forwards", number];
      const { port, to, protocol = "tcp" } = forward ?? {};
      const problems: Problem[] = [];
      if (to !== undefined && behind.every(({ node }) => node.name !== to)) {
        const names = behind.flatMap(({ node }) => node.name ?? []);
        const meant = closest(to, names);
        problems.push({
          code: "FORWARD_TARGET_UNKNOWN",
          severity: "error",
          message: nodes.some(({ node }) => node.name === to)
            ? `${to} is not behind the gateway, so no port can lead there`
            : `there is no node ${to} to which a port could lead`,
          at: draft.at([...path, "to"]),
          label: meant === undefined ? undefined : `did you mean ${meant}?`,
          hint: "name a wired node whose address is in the gateway's network, or that has none of its own",
        });
      }
      if (port === undefined || draft.isBroken([...path, "protocol"])) {
        return problems;
      }
      const key = `${protocol} ${port}`;
      const own = OWN_PORTS[key];
      const earlier = seen.get(key);
      if (own !== undefined) {
        problems.push({
          code: "FORWARD_RESERVED",
          severity: "error",
          message: `the gateway needs port ${port} itself, for ${own}`,
          at: draft.at([...path, "port"]),
          hint: `choose another port, and name the node's own with toPort: ${port}`,
        });
      } else if (earlier !== undefined) {
        problems.push({
          code: "FORWARD_TAKEN",
          severity: "error",
          message: `the port ${port} (${protocol}) leads to two places`,
          at: draft.at([...path, "port"]),
          label: `also on line ${draft.at([...gateway.path, "forwards", earlier, "port"]).line}`,
          hint: "give each forward a port of its own",
        });
      } else {
        seen.set(key, number);
      }
      return problems;
    },
  );
};

/** Only a warning, because everything works on the cluster's own network, and SSH goes through the gateway. */
export const checkApiForward: DraftCheck = (draft) => {
  const gateway = draftGateway(draft);
  if (gateway === undefined || draft.isBroken([...gateway.path, "forwards"])) {
    return [];
  }
  const planes = nodesOf(draft).flatMap(({ index, node }) =>
    node.role === "control-plane" &&
    node.name !== undefined &&
    isBehind(gateway.network, draftMember(draft, index))
      ? [node.name]
      : [],
  );
  const [first] = planes;
  const open = (gateway.node.serves?.forwards ?? []).some(
    (forward) =>
      forward?.to !== undefined &&
      planes.includes(forward.to) &&
      (forward.toPort ?? forward.port) === API_PORT,
  );
  return first === undefined || open
    ? []
    : [
        {
          code: "GATEWAY_API_CLOSED",
          severity: "warning",
          message:
            "no port of the gateway leads to the API server, so kubectl and `pi-image watch` reach it only from the network behind the gateway",
          at: draft.keyAt(gateway.path),
          hint: `add forwards: [{port: ${API_PORT}, to: ${first}}]`,
        },
      ];
};
