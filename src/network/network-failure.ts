// What can go wrong between this computer and a server, and whether it is worth another try.
import { errorCode } from "../report/expected-failure.ts";

/**
 * "unreachable": no connection came about; "broken": a connection failed on the way; "refused": trying again would give the
 * same result.
 */
type FailureKind = "unreachable" | "broken" | "refused";

export class NetworkFailure extends Error {
  override readonly name = "NetworkFailure";
  readonly kind: FailureKind;
  /** Seconds that the server asks to wait before the next try. */
  readonly retryAfter: number | undefined;
  /** What the server that was asked wants to be told first: the WWW-Authenticate of its status 401. */
  readonly challenge: string | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    details: {
      readonly cause?: unknown;
      readonly retryAfter?: number | undefined;
      readonly challenge?: string | undefined;
    } = {},
  ) {
    super(message, details);
    this.kind = kind;
    this.retryAfter = details.retryAfter;
    this.challenge = details.challenge;
  }
}

/** Codes of getaddrinfo and connect: there is no way to the server. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "EAI_FAIL",
  "ECONNREFUSED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

/** Whether it is an error about the server's certificate (a network that intercepts connections, or a wrong clock). */
const isCertificateError = (code: string): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code);

const codeOf = (error: unknown): string =>
  error instanceof AggregateError && error.errors.length > 0
    ? codeOf(error.errors[0])
    : (errorCode(error) ?? "");

/** What an error from Node's sockets means; an abort is returned unchanged. */
export const networkFailure = (host: string, error: unknown): unknown => {
  if (
    error instanceof NetworkFailure ||
    !(error instanceof Error) ||
    error.name === "AbortError"
  ) {
    return error;
  }
  const code = codeOf(error);
  if (UNREACHABLE.has(code)) {
    return new NetworkFailure(
      "unreachable",
      `${host} cannot be reached (${code})`,
      {
        cause: error,
      },
    );
  }
  if (isCertificateError(code)) {
    return new NetworkFailure(
      "refused",
      `${host} does not prove who it is (${code}): somebody may be intercepting the connection, or this computer's clock is wrong`,
      { cause: error },
    );
  }
  return new NetworkFailure(
    "broken",
    `the connection to ${host} broke (${code === "" ? error.message : code})`,
    { cause: error },
  );
};
