/**
 * The names that a function uses and does not itself declare, and what it uses of its surroundings. Pure.
 *
 * Runs in: the process that sends.
 * Source: ECMA-262, "Static Semantics: Scope Analysis"; names are hoisted before a body is visited, so that each
 * reference is resolved at once.
 */
import { childrenOf, isNode, type AnyNode } from "./syntax.ts";

export interface Surroundings {
  /** In the order of their first use. */
  readonly names: ReadonlySet<string>;
  /** Of those, the ones that it assigns. */
  readonly assigned: ReadonlySet<string>;
  readonly usesThis: boolean;
  readonly usesNewTarget: boolean;
  readonly usesSuper: boolean;
  readonly usesEval: boolean;
  /** Private names (`#x`) that no class in the text declares. */
  readonly privateNames: ReadonlySet<string>;
  readonly importMeta: readonly AnyNode[];
  /** Of those names, where one is called as it stands: `name()`, or in front of a template. */
  readonly calls: readonly AnyNode[];
  /** Offsets at which an expression begins as a statement of a list, where a semicolon may stand before it. */
  readonly statementStarts: ReadonlySet<number>;
}

class Scope {
  readonly names = new Set<string>();
  readonly outer: Scope | undefined;
  /** Of a function that is no arrow: it has `this`, `arguments`, `new.target` of its own. */
  readonly own: boolean;
  readonly privateNames: Set<string> | undefined;
  /** Of the function that is analysed: its `super` is not in the text. */
  isRoot = false;

  constructor(outer: Scope | undefined, own = false, privateNames?: Set<string>) {
    this.outer = outer;
    this.own = own;
    this.privateNames = privateNames;
  }

  has(name: string): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.outer) {
      if (scope.names.has(name)) return true;
      if (name === "arguments" && scope.own) return true;
    }
    return false;
  }

  /** The function that `this` and `super` belong to. */
  owner(): Scope | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.outer) if (scope.own) return scope;
    return undefined;
  }

  hasOwnThis(): boolean {
    return this.owner() !== undefined;
  }

  hasPrivate(name: string): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.outer) {
      if (scope.privateNames?.has(name) === true) return true;
    }
    return false;
  }
}

/** @param root the node of the function or class */
export function surroundingsOf(root: AnyNode): Surroundings {
  const walk = new Walk(root);
  walk.visit(root, new Scope(undefined));
  return walk;
}

class Walk implements Surroundings {
  readonly names = new Set<string>();
  readonly assigned = new Set<string>();
  readonly privateNames = new Set<string>();
  readonly importMeta: AnyNode[] = [];
  readonly calls: AnyNode[] = [];
  readonly statementStarts = new Set<number>();
  usesThis = false;
  usesNewTarget = false;
  usesSuper = false;
  usesEval = false;
  readonly #root: AnyNode;

  constructor(root: AnyNode) {
    this.#root = root;
  }

  visit(node: AnyNode, scope: Scope): void {
    switch (node.type) {
      case "Identifier":
        this.#reference(node["name"] as string, scope);
        return;
      case "ThisExpression":
        if (!scope.hasOwnThis()) this.usesThis = true;
        return;
      case "Super":
        if (scope.owner()?.isRoot !== false) this.usesSuper = true;
        return;
      case "MetaProperty":
        if ((node["meta"] as AnyNode)["name"] === "import") this.importMeta.push(node);
        else if (!scope.hasOwnThis()) this.usesNewTarget = true;
        return;
      case "PrivateIdentifier":
        if (!scope.hasPrivate(node["name"] as string)) this.privateNames.add(node["name"] as string);
        return;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        this.#function(node, scope);
        return;
      case "ClassDeclaration":
      case "ClassExpression":
        this.#class(node, scope);
        return;
      case "MemberExpression":
        this.visit(node["object"] as AnyNode, scope);
        if (node["computed"] === true || (node["property"] as AnyNode).type === "PrivateIdentifier") {
          this.visit(node["property"] as AnyNode, scope);
        }
        return;
      case "Property":
        if (node["computed"] === true) this.visit(node["key"] as AnyNode, scope);
        this.visit(node["value"] as AnyNode, scope);
        return;
      case "LabeledStatement":
        this.visit(node["body"] as AnyNode, scope);
        return;
      case "BreakStatement":
      case "ContinueStatement":
        return;
      case "CallExpression": {
        const callee = node["callee"] as AnyNode;
        if (callee.type === "Identifier" && callee["name"] === "eval" && !scope.has("eval")) this.usesEval = true;
        this.#called(callee, scope);
        break;
      }
      case "TaggedTemplateExpression":
        this.#called(node["tag"] as AnyNode, scope);
        break;
      case "AssignmentExpression":
        this.#assigned(node["left"] as AnyNode, scope);
        break;
      case "UpdateExpression":
        this.#assigned(node["argument"] as AnyNode, scope);
        break;
      case "ForInStatement":
      case "ForOfStatement":
        if ((node["left"] as AnyNode).type !== "VariableDeclaration") this.#assigned(node["left"] as AnyNode, scope);
        this.#block(node, scope, [node["left"] as AnyNode]);
        return;
      case "ForStatement":
        this.#block(node, scope, isNode(node["init"]) ? [node["init"]] : []);
        return;
      case "BlockStatement":
        this.#block(node, scope, node["body"] as AnyNode[]);
        return;
      case "SwitchStatement": {
        this.visit(node["discriminant"] as AnyNode, scope);
        const cases = node["cases"] as AnyNode[];
        const inner = new Scope(scope);
        for (const each of cases) declareLexical(each["consequent"] as AnyNode[], inner);
        for (const each of cases) {
          this.#statements(each["consequent"] as AnyNode[]);
          this.#all(each, inner);
        }
        return;
      }
      case "CatchClause": {
        const inner = new Scope(scope);
        if (isNode(node["param"])) {
          declarePattern(node["param"], inner);
          this.#pattern(node["param"], inner);
        }
        this.visit(node["body"] as AnyNode, inner);
        return;
      }
      case "VariableDeclarator":
        this.#pattern(node["id"] as AnyNode, scope);
        if (isNode(node["init"])) this.visit(node["init"], scope);
        return;
      default:
    }
    this.#all(node, scope);
  }

  #all(node: AnyNode, scope: Scope): void {
    for (const child of childrenOf(node)) this.visit(child, scope);
  }

  #reference(name: string, scope: Scope): void {
    if (!scope.has(name)) this.names.add(name);
  }

  #called(callee: AnyNode, scope: Scope): void {
    if (callee.type === "Identifier" && !scope.has(callee["name"] as string)) this.calls.push(callee);
  }

  #statements(list: readonly AnyNode[]): void {
    for (const each of list) if (each.type === "ExpressionStatement") this.statementStarts.add(each.start);
  }

  #assigned(target: AnyNode, scope: Scope): void {
    for (const name of patternNames(target)) if (!scope.has(name)) this.assigned.add(name);
  }

  #block(node: AnyNode, scope: Scope, statements: readonly AnyNode[]): void {
    const inner = new Scope(scope);
    declareLexical(statements, inner);
    this.#statements(statements);
    this.#all(node, inner);
  }

  /** What a pattern refers to: its defaults and computed keys, not the names that it declares. */
  #pattern(pattern: AnyNode, scope: Scope): void {
    this.visit(pattern, scope); // The names are declared by now, so that they resolve here.
  }

  #function(node: AnyNode, scope: Scope): void {
    let around = scope;
    const id = node["id"];
    if (node.type === "FunctionExpression" && isNode(id)) {
      around = new Scope(scope);
      around.names.add(id["name"] as string);
    }
    const inner = new Scope(around, node.type !== "ArrowFunctionExpression");
    inner.isRoot = node === this.#root;
    const parameters = node["params"] as AnyNode[];
    for (const parameter of parameters) declarePattern(parameter, inner);
    const body = node["body"] as AnyNode;
    const statements = body.type === "BlockStatement" ? (body["body"] as AnyNode[]) : [];
    // A scope of its own: what the body declares is invisible to the parameters' defaults.
    const within = new Scope(inner);
    for (const statement of statements) declareVars(statement, within);
    declareLexical(statements, within);
    for (const parameter of parameters) this.#pattern(parameter, inner);
    this.#statements(statements);
    if (body.type === "BlockStatement") for (const statement of statements) this.visit(statement, within);
    else this.visit(body, within);
  }

  #class(node: AnyNode, scope: Scope): void {
    const inner = new Scope(scope, false, new Set());
    const id = node["id"];
    if (isNode(id)) inner.names.add(id["name"] as string);
    if (isNode(node["superClass"])) this.visit(node["superClass"], inner);
    const members = (node["body"] as AnyNode)["body"] as AnyNode[];
    for (const member of members) {
      const key = member["key"];
      if (isNode(key) && key.type === "PrivateIdentifier") inner.privateNames!.add(key["name"] as string);
    }
    for (const member of members) {
      if (member["computed"] === true) this.visit(member["key"] as AnyNode, inner);
      const own = new Scope(inner, true);
      if (member.type === "StaticBlock") {
        const statements = member["body"] as AnyNode[];
        for (const statement of statements) declareVars(statement, own);
        declareLexical(statements, own);
        this.#statements(statements);
        for (const statement of statements) this.visit(statement, own);
      } else if (isNode(member["value"])) this.visit(member["value"], own);
    }
  }
}

/** The names that a pattern binds, or assigns. */
export function patternNames(pattern: AnyNode): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern["name"] as string];
    case "ObjectPattern":
      return (pattern["properties"] as AnyNode[]).flatMap((property) =>
        patternNames((property.type === "RestElement" ? property["argument"] : property["value"]) as AnyNode),
      );
    case "ArrayPattern":
      return (pattern["elements"] as (AnyNode | null)[]).flatMap((element) => (element ? patternNames(element) : []));
    case "RestElement":
      return patternNames(pattern["argument"] as AnyNode);
    case "AssignmentPattern":
      return patternNames(pattern["left"] as AnyNode);
    default:
      return []; // A member expression: it assigns no variable.
  }
}

function declarePattern(pattern: AnyNode, scope: Scope): void {
  for (const name of patternNames(pattern)) scope.names.add(name);
}

/** `let`, `const`, classes and functions of one list of statements. */
function declareLexical(statements: readonly AnyNode[], scope: Scope): void {
  for (const statement of statements) {
    if (statement.type === "VariableDeclaration" && statement["kind"] !== "var") {
      for (const each of statement["declarations"] as AnyNode[]) declarePattern(each["id"] as AnyNode, scope);
    } else if (statement.type === "ClassDeclaration" || statement.type === "FunctionDeclaration") {
      scope.names.add((statement["id"] as AnyNode)["name"] as string);
    } else if (statement.type === "LabeledStatement") declareLexical([statement["body"] as AnyNode], scope);
  }
}

/**
 * `var` anywhere below, but not in functions. Functions in blocks, which sloppy code sees outside of them, are left out:
 * their names then count as free, which does no harm, since the text declares them when it is evaluated.
 */
function declareVars(node: AnyNode, scope: Scope): void {
  if (node.type === "VariableDeclaration" && node["kind"] === "var") {
    for (const each of node["declarations"] as AnyNode[]) declarePattern(each["id"] as AnyNode, scope);
  }
  if (/Function|^Class/.test(node.type)) return;
  for (const child of childrenOf(node)) declareVars(child, scope);
}
