// Reads what `npm audit --json` prints.
import { z } from "zod";

const SEVERITIES = ["info", "low", "moderate", "high", "critical"] as const;
type Severity = (typeof SEVERITIES)[number];

const reportSchema = z.object({
  auditReportVersion: z.number(),
  vulnerabilities: z.record(
    z.string(),
    z.object({ severity: z.enum(SEVERITIES), range: z.string() }),
  ),
});

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * One line for each package with an advisory of this severity or a worse one.
 * @returns undefined when the registry gave no report
 */
export const advisoryFindings = (
  output: string,
  from: Severity,
): readonly string[] | undefined => {
  const { data } = reportSchema.safeParse(parse(output));
  return data === undefined
    ? undefined
    : Object.entries(data.vulnerabilities)
        .filter(
          ([, { severity }]) =>
            SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(from),
        )
        .map(([name, { severity, range }]) => `${name} ${range}: ${severity}`);
};
