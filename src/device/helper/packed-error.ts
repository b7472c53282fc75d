// Errors on their way from one process to another.
import type { ErrorCode } from "../../report/error-codes.ts";
import { UserError } from "../../report/user-error.ts";
import { systemCode } from "../../report/expected-failure.ts";

export type PackedError =
  | {
      readonly kind: "user";
      readonly code: ErrorCode;
      readonly message: string;
      readonly facts: readonly string[];
      readonly hint: string | undefined;
      readonly state: string | undefined;
    }
  | {
      readonly kind: "system";
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "bug"; readonly message: string };

export const packError = (error: unknown): PackedError => {
  if (error instanceof UserError) {
    const { code, message, facts, hint, state } = error;
    return { kind: "user", code, message, facts, hint, state };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = systemCode(error);
  return code === undefined
    ? {
        kind: "bug",
        message: error instanceof Error ? (error.stack ?? message) : message,
      }
    : { kind: "system", code, message };
};

export const unpackError = (packed: PackedError): Error => {
  switch (packed.kind) {
    case "user": {
      const { code, message, ...details } = packed;
      return new UserError(code, message, details);
    }
    case "system":
      return Object.assign(new Error(packed.message), { code: packed.code });
    case "bug":
      return new Error(packed.message);
  }
};
