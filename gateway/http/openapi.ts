import { z } from 'zod';
import { Problem, problemBody } from './problem.ts';
import type { Route } from './route.ts';

/** The API as OpenAPI 3.1, made of the same schemas that check it. */
export function openapi(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const definition of routes) {
    paths[definition.path] = {
      ...paths[definition.path],
      [definition.method.toLowerCase()]: operation(definition),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hanfeng gateway',
      version,
      description:
        'Times are ISO 8601 UTC in answers; ISO 8601 or epoch milliseconds are taken. Errors are problem+json.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      responses: Object.fromEntries(
        Object.entries(REFUSALS).map(([name, description]) => [name, { description, content: PROBLEM_CONTENT }]),
      ),
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'hanfeng_session' },
        token: { type: 'http', scheme: 'bearer' },
      },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'detail', 'code'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            code: { type: 'string' },
            errors: { type: 'array' },
          },
          examples: [problemBody(new Problem('alarm-unknown', 'fm-12 is no alarm here.'))],
        },
      },
    },
  };
}

const PROBLEM_CONTENT = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** What a request can be refused for, whatever the route; `code` of the problem says which. */
const REFUSALS = {
  BadRequest: 'a parameter or the body is not as described; `errors` names each place',
  Unauthorized: 'no session or token, or one that has ended',
  Forbidden: 'the role does not allow it',
  NotFound: 'nothing has this id',
};

function refusals({ access, params }: Route): Record<string, unknown> {
  const reasons: [string, keyof typeof REFUSALS][] = [['400', 'BadRequest']];
  if (access !== 'public') reasons.push(['401', 'Unauthorized'], ['403', 'Forbidden']);
  if (params !== undefined) reasons.push(['404', 'NotFound']);
  return Object.fromEntries(reasons.map(([status, name]) => [status, { $ref: `#/components/responses/${name}` }]));
}

/** `GET /api/v1/alarms/{id}` is `getAlarmsById`; a route outside `/api/v1` has its tag before its path. */
function operationId({ method, path, tag }: Route): string {
  const words = (path.startsWith('/api/v1/') ? path.slice('/api/v1/'.length) : `${tag}${path}`).split(/[/.-]/);
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  return (
    method.toLowerCase() +
    words.map((word) => (word.startsWith('{') ? `By${capital(word.slice(1, -1))}` : capital(word))).join('')
  );
}

function operation(definition: Route): Record<string, unknown> {
  const { params, query, body, answer, answerTypes = [], access, status, otherStatus = {} } = definition;
  const contents: [type: string, content: unknown][] = answerTypes.map((type) => [
    type,
    { schema: { type: 'string' } },
  ]);
  if (answer !== undefined) contents.unshift(['application/json', { schema: schemaOf(answer, 'output') }]);
  const content = contents.length === 0 ? undefined : Object.fromEntries(contents);
  const bodyTypes = definition.bodyTypes ?? ['application/json'];
  return {
    operationId: operationId(definition),
    tags: [definition.tag],
    summary: definition.summary,
    'x-access': access,
    security: access === 'public' ? [] : [{ session: [] }, { token: [] }],
    parameters: [...parameters(params, 'path'), ...parameters(query, 'query')],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: Object.fromEntries(bodyTypes.map((type) => [type, { schema: schemaOf(body, 'input') }])),
          },
        }),
    responses: {
      [String(status ?? 200)]: { description: 'done', ...(content === undefined ? {} : { content }) },
      ...Object.fromEntries(
        Object.entries(otherStatus).map(([code, description]) => [
          code,
          { description, ...(content === undefined ? {} : { content }) },
        ]),
      ),
      ...refusals(definition),
      default: { description: 'any other refusal or failure', content: PROBLEM_CONTENT },
    },
  };
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): unknown[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Record<string, unknown>>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' });
  return rest;
}
