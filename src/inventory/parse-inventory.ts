// Text of cluster.yaml -> Inventory, with every mistake that the text alone can show.
import type { Problem } from "../report/problem.ts";
import { hasErrors } from "../report/problem.ts";
import { checkBoards } from "./checks/check-boards.ts";
import { checkBundle } from "./checks/check-bundle.ts";
import { checkConfigLines } from "./checks/check-config-lines.ts";
import { checkConfigList } from "./checks/check-config-list.ts";
import { checkDisks } from "./checks/check-disks.ts";
import { checkEeprom } from "./checks/check-eeprom.ts";
import { checkEnterprise } from "./checks/check-enterprise.ts";
import { checkEndpoint } from "./checks/check-endpoint.ts";
import {
  checkCmdlines,
  checkLabels,
  checkRegistration,
} from "./checks/check-host.ts";
import {
  checkNodeFamilies,
  checkPluginFamilies,
  checkRangeFamilies,
} from "./checks/check-families.ts";
import { checkHardware } from "./checks/check-hardware.ts";
import { checkRadios } from "./checks/check-radio.ts";
import { checkDhcp } from "./checks/check-dhcp.ts";
import { checkApiForward, checkForwards } from "./checks/check-forwards.ts";
import {
  checkGatewayInterfaces,
  checkGatewayNumber,
} from "./checks/check-gateway.ts";
import { checkLinks } from "./checks/check-link.ts";
import {
  checkAddressDefaults,
  checkGateways,
  checkUplinks,
} from "./checks/check-network.ts";
import {
  checkCards,
  checkControlPlanes,
  checkMacs,
  checkNodeAddresses,
  checkNodeNames,
} from "./checks/check-nodes.ts";
import {
  checkControlPlaneAddresses,
  checkRoleKeys,
  checkStorageNodes,
} from "./checks/check-roles.ts";
import { checkApiServer, checkKubelet } from "./checks/check-kubernetes.ts";
import { checkPodRoom, checkSubnets } from "./checks/check-subnets.ts";
import { checkTimezones } from "./checks/check-timezones.ts";
import {
  checkImageAccounts,
  checkShells,
  checkUserNames,
  checkUsers,
} from "./checks/check-users.ts";
import { checkVirtualAddress } from "./checks/check-virtual-address.ts";
import {
  checkWifiLists,
  checkWifiNames,
  checkWifiPasswords,
} from "./checks/check-wifi.ts";
import { inventorySchema, type Inventory } from "./schema/cluster-schema.ts";
import { draftOf, type DraftCheck, type Draft } from "./draft.ts";
import { explainMistakes } from "./yaml/explain-mistakes.ts";
import { inventorySpecial } from "./yaml/inventory-mistakes.ts";
import { maskSecrets } from "./masks/mask-secrets.ts";
import {
  schemaMistakes,
  valueAt,
  type Mistake,
} from "./yaml/schema-mistakes.ts";
import { parseYamlFile } from "./yaml/yaml-file.ts";

/** These checks only judge what is present, so they are also valid for the readable part of a broken file. */
const CHECKS_OF_PRESENCE: readonly DraftCheck[] = [
  checkNodeNames,
  checkNodeAddresses,
  checkCards,
  checkMacs,
  checkUserNames,
  checkImageAccounts,
  checkShells,
  checkSubnets,
  checkRangeFamilies,
  checkGatewayNumber,
  checkDhcp,
  checkRoleKeys,
  checkRegistration,
  checkCmdlines,
  checkLabels,
  checkKubelet,
  checkApiServer,
  checkTimezones,
  checkWifiLists,
  checkBundle,
];

const CHECKS_OF_THE_WHOLE: readonly DraftCheck[] = [
  checkControlPlanes,
  checkEndpoint,
  checkVirtualAddress,
  checkGateways,
  checkAddressDefaults,
  checkLinks,
  checkGatewayInterfaces,
  checkForwards,
  checkApiForward,
  checkControlPlaneAddresses,
  checkStorageNodes,
  checkUplinks,
  checkPodRoom,
  checkNodeFamilies,
  checkPluginFamilies,
  checkUsers,
  checkWifiNames,
  checkWifiPasswords,
  checkEnterprise,
  checkBoards,
  checkHardware,
  checkRadios,
  checkConfigLines,
  checkConfigList,
  checkEeprom,
  checkDisks,
];

/** Nobody reads more mistakes at once, and finding the place of each takes longer the larger the file is. */
const MISTAKE_LIMIT = 200;

export type ParsedInventory = {
  /** Undefined if there are errors. */
  readonly inventory: Inventory | undefined;
  readonly draft: Draft;
  readonly problems: readonly Problem[];
  /** Whether the YAML itself is broken, so that parts may be missing from the draft. */
  readonly broken: boolean;
  /** The text without secrets, for code frames. */
  readonly shown: string;
  /** Takes the text's secrets out of a problem's words; this was already done for `problems`. */
  readonly redact: (problem: Problem) => Problem;
};

const unshown = (count: number): readonly Problem[] =>
  count > 0
    ? [
        {
          code: "TOO_MANY_MISTAKES",
          severity: "error",
          message: `${count} more mistakes are not shown`,
          hint: "correct those above and run the command again",
        },
      ]
    : [];

/** In a broken file, what seems to be missing may stand after the break. */
const isThere =
  (data: unknown) =>
  ({ kind, path }: Mistake): boolean =>
    kind !== "missing" && valueAt(data, path) !== null;

/** `file` is the name that problems carry. */
export const parseInventory = (file: string, text: string): ParsedInventory => {
  const yaml = parseYamlFile(file, text);
  const masked = maskSecrets(yaml, text);
  const { shown } = masked;
  const redact = (problem: Problem): Problem => ({
    ...problem,
    message: masked.redact(problem.message),
    label: problem.label && masked.redact(problem.label),
    hint: problem.hint && masked.redact(problem.hint),
  });
  const nothing = draftOf(yaml, [[]]);
  if (yaml.data === undefined) {
    return {
      inventory: undefined,
      draft: nothing,
      problems: yaml.problems.map(redact),
      broken: true,
      shown,
      redact,
    };
  }

  const brokenFrom = yaml.brokenFrom ?? Number.POSITIVE_INFINITY;
  const broken = yaml.brokenFrom !== undefined;
  const mistakes = schemaMistakes(inventorySchema, yaml.data);
  const draft = draftOf(
    yaml,
    mistakes.flatMap(({ kind, path }) => (kind === "missing" ? [] : [path])),
  );
  const checks = broken
    ? CHECKS_OF_PRESENCE
    : [...CHECKS_OF_PRESENCE, ...CHECKS_OF_THE_WHOLE];
  const real = broken ? mistakes.filter(isThere(yaml.data)) : mistakes;
  const found = [
    ...explainMistakes(
      real.slice(0, MISTAKE_LIMIT),
      inventorySchema,
      yaml,
      text,
      inventorySpecial,
    ),
    ...checks.flatMap((check) => check(draft)),
  ].filter(({ at }) => at === undefined || at.line < brokenFrom);
  const problems = [
    ...yaml.problems,
    ...found,
    ...unshown(real.length - MISTAKE_LIMIT),
  ].map(redact);
  return {
    inventory: hasErrors(problems)
      ? undefined
      : inventorySchema.parse(yaml.data),
    draft,
    problems,
    broken,
    shown,
    redact,
  };
};
