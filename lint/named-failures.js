// A lint rule: whoever handles a failure looks at it. "There, but unreadable" passes for "absent" where nobody does.

const message =
  "Name the failures that are expected here (src/report/expected-failure.ts): what is there but unreadable is not absent.";

const isFunction = (node) =>
  node?.type === "ArrowFunctionExpression" ||
  node?.type === "FunctionExpression";

/** The handler of `.catch(handler)` and `.then(_, handler)`. */
const handlerOf = ({ callee, arguments: given }) => {
  const name =
    callee.type === "MemberExpression" && !callee.computed
      ? callee.property.name
      : undefined;
  const handler =
    name === "catch" ? given[0] : name === "then" ? given[1] : undefined;
  return isFunction(handler) ? handler : undefined;
};

const namedFailures = {
  meta: { type: "problem", docs: { description: message } },
  create: (context) => {
    const isUsed = (node) =>
      context.sourceCode
        .getDeclaredVariables(node)
        .some(({ references }) => references.some((one) => one.isRead()));
    return {
      CatchClause: (node) => {
        if (node.param === null || !isUsed(node)) {
          context.report({ node, message });
        }
      },
      CallExpression: (node) => {
        const handler = handlerOf(node);
        if (
          handler !== undefined &&
          (handler.params.length === 0 || !isUsed(handler))
        ) {
          context.report({ node: handler, message });
        }
      },
    };
  },
};

export default {
  meta: { name: "failures" },
  rules: { named: namedFailures },
};
