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
    paths,
    components: {
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

function operation(definition: Route): Record<string, unknown> {
  const { params, query, body, answer, answerType, access, status, otherStatus = {} } = definition;
  const content =
    answer !== undefined
      ? { 'application/json': { schema: schemaOf(answer, 'output') } }
      : answerType === undefined
        ? undefined
        : { [answerType]: { schema: { type: 'string' } } };
  const bodyTypes = definition.bodyTypes ?? ['application/json'];
  return {
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
      default: {
        description: 'error',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
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
