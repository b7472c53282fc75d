// Whether the cards of a cluster carry a bundle.

type Written = {
  readonly offline?: boolean | undefined;
  readonly bundle?: boolean | undefined;
};

/** Nodes that are offline have nothing but their bundle. */
export const carriesBundle = ({
  offline = false,
  bundle = false,
}: Written): boolean => offline || bundle;
