// A value that no log, plan, manifest or message can show: every way of printing it gives "***".
import { inspect } from "node:util";

export type Secret = {
  /** The value itself; call it only where the value is written to a seed or a secrets file. */
  readonly reveal: () => string;
};

export const secret = (value: string): Secret => {
  const hidden = () => "***";
  return Object.freeze({
    reveal: () => value,
    toString: hidden,
    toJSON: hidden,
    [inspect.custom]: hidden,
  });
};
