/** Every error code the HTTP door answers with; `docs/errors.md` explains each, and a test keeps the two equal. */
export const PROBLEMS = {
  'request-invalid': { status: 400, title: 'The request is malformed' },
  'input-invalid': { status: 400, title: 'Some input is not allowed' },
  'body-not-json': { status: 400, title: 'The body is not JSON' },
  'body-too-deep': { status: 400, title: 'The body is nested too deeply' },
  'readings-rejected': { status: 400, title: 'Some readings can not be taken' },
  'asset-invalid': { status: 400, title: 'The asset is not possible' },
  'rule-invalid': { status: 400, title: 'The rule can not be changed so' },
  'action-invalid': { status: 400, title: 'The action lacks something it needs' },
  'username-invalid': { status: 400, title: 'The user name is not allowed' },
  'password-weak': { status: 400, title: 'The password is too weak' },
  'not-signed-in': { status: 401, title: 'Sign in first' },
  'login-failed': { status: 401, title: 'User name or password is wrong' },
  'not-allowed': { status: 403, title: 'Your role does not allow this' },
  'origin-not-allowed': { status: 403, title: 'The request comes from another site' },
  'password-wrong': { status: 403, title: 'The current password is wrong' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This address takes another method' },
  'device-unknown': { status: 404, title: 'No such device' },
  'point-unknown': { status: 404, title: 'No such point' },
  'edge-unknown': { status: 404, title: 'No such edge' },
  'alarm-unknown': { status: 404, title: 'No such alarm' },
  'command-unknown': { status: 404, title: 'No such command' },
  'asset-unknown': { status: 404, title: 'No such asset' },
  'zone-unknown': { status: 404, title: 'No such zone' },
  'rule-unknown': { status: 404, title: 'No such rule' },
  'dead-letter-unknown': { status: 404, title: 'No such dead letter' },
  'subscription-unknown': { status: 404, title: 'No such subscription' },
  'action-not-possible': { status: 409, title: 'The alarm is not in a state for this action' },
  'rule-changed': { status: 409, title: 'Somebody else changed the rule meanwhile' },
  'device-without-edge': { status: 409, title: 'The device hangs on no edge' },
  'edge-offline': { status: 409, title: 'The edge of the device is offline' },
  'point-busy': { status: 409, title: 'A command to this point is under way' },
  'setup-done': { status: 409, title: 'The first setup was done already' },
  'asset-taken': { status: 409, title: 'The asset is there already' },
  'binding-not-possible': { status: 409, title: 'This can not be bound' },
  'username-taken': { status: 409, title: 'The user name is taken' },
  'not-replayable': { status: 409, title: 'This dead letter can not be replayed' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'media-type': { status: 415, title: 'The content type is not one we read' },
  'idempotency-key-reused': { status: 422, title: 'The key was used for something else' },
  'query-too-large': { status: 422, title: 'The query would read too much' },
  'login-limited': { status: 429, title: 'Too many failed attempts to sign in' },
  'exports-busy': { status: 429, title: 'Other exports or backups are running' },
  'figures-busy': { status: 429, title: 'Too many ask for figures at once' },
  'what-if-busy': { status: 429, title: 'Another what-if is being worked on' },
  'commands-busy': { status: 429, title: 'Too many commands are under way' },
  'too-many-subscriptions': { status: 429, title: 'Too many live subscriptions' },
  internal: { status: 500, title: 'Something broke on our side' },
  'accounts-busy': { status: 503, title: 'Too many people sign in at once' },
  'store-broken': { status: 503, title: 'The store is not available' },
  'readings-busy': { status: 503, title: 'Too many readings wait for the store' },
  'not-ready': { status: 503, title: 'The gateway can not store yet' },
  'history-away': { status: 503, title: 'The older history does not answer' },
  'query-timeout': { status: 503, title: 'The query took too long' },
  'store-full': { status: 507, title: 'The disk is full' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing wrong with the input: where, what stands there, what may stand there. */
export interface InputMistake {
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
}

/** What a handler throws to answer with an error. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly unknown[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the answer, beside the standard ones. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    code: ProblemCode,
    detail: string,
    more: {
      readonly errors?: readonly unknown[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }
}

/** Of our side, with a message that was written for people. */
const OUR_WORDS: readonly ProblemCode[] = ['history-away', 'query-timeout'];

/** Codes of the web framework's own refusals. */
const FRAMEWORK: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_EMPTY_TYPE: 'media-type',
  FST_ERR_CTP_INVALID_JSON_BODY: 'body-not-json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body-not-json',
};

/** A cursor that no page of ours gave out: starting over instead would look like the next page. */
export function foreignCursor(found: string): Problem {
  return new Problem('input-invalid', 'query.cursor is none of ours', {
    errors: [{ path: 'query.cursor', found, allowed: 'the cursor of the page before' }],
  });
}

/** Whatever was thrown as a problem; what we did not foresee becomes `internal` and shows no detail. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, message, statusCode } = (error ?? {}) as { code?: unknown; message?: unknown; statusCode?: unknown };
  const text = typeof message === 'string' ? message : '';
  if (typeof code === 'string') {
    if (Object.hasOwn(PROBLEMS, code)) {
      const known = code as ProblemCode;
      // Messages of errors on our side may name files and statements: they belong into the log.
      const isShown = PROBLEMS[known].status < 500 || OUR_WORDS.includes(known);
      return new Problem(known, isShown ? text : PROBLEMS[known].title);
    }
    if (code === 'cursor-invalid') return foreignCursor('another text');
    const framework = FRAMEWORK[code];
    if (framework !== undefined) return new Problem(framework, text);
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new Problem('request-invalid', text);
  return new Problem('internal', 'The log of the gateway says more.');
}

/** The body of an error answer (RFC 9457). */
export function problemBody(problem: Problem): Record<string, unknown> {
  const { status, title } = PROBLEMS[problem.code];
  return {
    type: `urn:hanfeng:error:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...problem.members,
  };
}
